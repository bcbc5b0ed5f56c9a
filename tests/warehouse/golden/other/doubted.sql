select count(*) from "d"."selligent"."crm__doubt__1" as kept where exists (select 1 from "d"."selligent"."run__delta" as staged
    where staged._selligent_kind in ('invalid', 'doubled') and kept."CODE" = staged."CODE" and rtrim(lower(kept."MAIL"), ' ') = rtrim(lower(staged."MAIL"), ' '))
