create table "d"."selligent"."crm__snapshot__2" as
select record."CODE", record."MAIL", record."FLAG", record."FLAG_NUMBER", record."COUNT", record."COUNT_TEXT", record."PRICE", record."PRICE_FLOAT", record."REAL", record."RATIO", record."CHOICE", record."DAY", record."DAY_TIME", record."AT", record."SEEN", cast(null as boolean) as "_selligent_member"
from "d"."selligent"."crm__snapshot__1" as record where true
union all
select record."CODE", record."MAIL", record."FLAG", record."FLAG_NUMBER", record."COUNT", record."COUNT_TEXT", record."PRICE", record."PRICE_FLOAT", record."REAL", record."RATIO", record."CHOICE", record."DAY", record."DAY_TIME", record."AT", record."SEEN", record."_selligent_member"
from "d"."selligent"."crm__snapshot__1" as record where not (true);
