create table "d"."selligent"."crm__snapshot__2" as
select record."CODE", record."MAIL", record."FLAG", record."FLAG_NUMBER", record."COUNT", record."COUNT_TEXT", record."PRICE", record."PRICE_FLOAT", record."REAL", record."RATIO", record."CHOICE", record."DAY", record."DAY_TIME", record."AT", record."SEEN", cast(true as boolean) as "_selligent_member"
from "d"."selligent"."crm__snapshot__1" as record where exists (select 1 from (
  select delta."CODE", delta."MAIL"
  from "d"."selligent"."run__delta" as delta
  join "d"."selligent"."run__spans" as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'member answered'
) as added where record."CODE" = added."CODE" and rtrim(lower(record."MAIL"), ' ') = rtrim(lower(added."MAIL"), ' '))
union all
select record."CODE", record."MAIL", record."FLAG", record."FLAG_NUMBER", record."COUNT", record."COUNT_TEXT", record."PRICE", record."PRICE_FLOAT", record."REAL", record."RATIO", record."CHOICE", record."DAY", record."DAY_TIME", record."AT", record."SEEN", record."_selligent_member"
from "d"."selligent"."crm__snapshot__1" as record where not (exists (select 1 from (
  select delta."CODE", delta."MAIL"
  from "d"."selligent"."run__delta" as delta
  join "d"."selligent"."run__spans" as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'member answered'
) as added where record."CODE" = added."CODE" and rtrim(lower(record."MAIL"), ' ') = rtrim(lower(added."MAIL"), ' ')));
