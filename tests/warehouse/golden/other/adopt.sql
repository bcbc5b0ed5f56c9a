create table "d"."selligent"."crm__snapshot__2" as
select "CODE", "MAIL", "FLAG", "FLAG_NUMBER", "COUNT", "COUNT_TEXT", "PRICE", "PRICE_FLOAT", "REAL", "RATIO", "CHOICE", "DAY", "DAY_TIME", "AT", "SEEN", "_selligent_member" from "d"."selligent"."crm__snapshot__1"
union all
select "CODE", "MAIL", "FLAG", "FLAG_NUMBER", "COUNT", "COUNT_TEXT", "PRICE", "PRICE_FLOAT", "REAL", "RATIO", "CHOICE", "DAY", "DAY_TIME", "AT", "SEEN", "_selligent_member" from (
select "CODE", "MAIL", "FLAG", "FLAG_NUMBER", "COUNT", "COUNT_TEXT", "PRICE", "PRICE_FLOAT", "REAL", "RATIO", "CHOICE", "DAY", "DAY_TIME", "AT", "SEEN", true as "_selligent_member"
from "d"."selligent"."run__delta" where _selligent_kind = 'new'
) as added;


create table "d"."selligent"."crm__adopted__2" as
select "CODE", "MAIL" from "d"."selligent"."run__delta" where _selligent_kind = 'new';
