create table "d"."selligent"."crm__doubt__2" as
select "CODE", "MAIL" from "d"."selligent"."crm__doubt__1"
union all
select "CODE", "MAIL" from (
select found."CODE", found."MAIL" from "d"."selligent"."run__verdicts" as found where found._selligent_verdict in ('missing', 'different')
) as added;


create table "d"."selligent"."crm__snapshot__2" as
select kept.* from "d"."selligent"."crm__snapshot__1" as kept where not (exists (select 1 from "d"."selligent"."run__verdicts" as found where found._selligent_verdict in ('missing', 'different') and kept."CODE" = found."CODE" and rtrim(lower(kept."MAIL"), ' ') = rtrim(lower(found."MAIL"), ' ')));


create table "d"."selligent"."crm__snapshot__3" as
select kept."CODE", kept."MAIL", kept."FLAG", kept."FLAG_NUMBER", kept."COUNT", kept."COUNT_TEXT", kept."PRICE", kept."PRICE_FLOAT", kept."REAL", kept."RATIO", kept."CHOICE", kept."DAY", kept."DAY_TIME", kept."AT", kept."SEEN", cast(null as boolean) as "_selligent_member"
from "d"."selligent"."crm__snapshot__2" as kept where exists (select 1 from "d"."selligent"."run__verdicts" as found where found._selligent_membership in ('absent', 'unexpected') and kept."CODE" = found."CODE" and rtrim(lower(kept."MAIL"), ' ') = rtrim(lower(found."MAIL"), ' '))
union all
select kept."CODE", kept."MAIL", kept."FLAG", kept."FLAG_NUMBER", kept."COUNT", kept."COUNT_TEXT", kept."PRICE", kept."PRICE_FLOAT", kept."REAL", kept."RATIO", kept."CHOICE", kept."DAY", kept."DAY_TIME", kept."AT", kept."SEEN", kept."_selligent_member"
from "d"."selligent"."crm__snapshot__2" as kept where not (exists (select 1 from "d"."selligent"."run__verdicts" as found where found._selligent_membership in ('absent', 'unexpected') and kept."CODE" = found."CODE" and rtrim(lower(kept."MAIL"), ' ') = rtrim(lower(found."MAIL"), ' ')));
