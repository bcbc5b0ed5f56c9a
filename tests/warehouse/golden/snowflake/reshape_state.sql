create table "d"."selligent"."crm__doubt__2" as

select "CODE" as "CODE", "MAIL" as "MAIL"
from "d"."selligent"."crm__doubt__1"
where "CODE" is not null and "MAIL" is not null
;


create table "d"."selligent"."crm__invalid__2" as

select "CODE" as "CODE", "MAIL" as "MAIL", "_SELLIGENT_FIELD", "_SELLIGENT_REASON", "_SELLIGENT_ROWS"
from "d"."selligent"."crm__invalid__1"
;


create table "d"."selligent"."crm__adopted__2" as

select "CODE" as "CODE", "MAIL" as "MAIL"
from "d"."selligent"."crm__adopted__1"
where "CODE" is not null and "MAIL" is not null
;


create table "d"."selligent"."crm__doubt__3" as
select "CODE", "MAIL" from "d"."selligent"."crm__doubt__2"
union all
select "CODE", "MAIL" from (
select "CODE" as "CODE", "MAIL" as "MAIL"
from "d"."selligent"."crm__snapshot__1"
where (("COUNT" is not null and cast(case when cast(try_cast("COUNT" as number(38,0)) as varchar) is not distinct from "COUNT"
         then try_cast("COUNT" as number(38,0)) end as number(38,0)) is null) or ("PRICE" is not null and cast(case when try_cast(cast(try_cast(cast("PRICE" as varchar) as number(10,2)) as varchar) as number(12,3)) is not distinct from "PRICE"
         then try_cast(cast("PRICE" as varchar) as number(10,2)) end as number(10,2)) is null) or false) and "CODE" is not null and "MAIL" is not null
) as added;


create table "d"."selligent"."crm__snapshot__2" as

select
  "CODE" as "CODE",
  "MAIL" as "MAIL",
  "FLAG" as "FLAG",
  "FLAG_NUMBER" as "FLAG_NUMBER",
  cast(case when cast(try_cast("COUNT" as number(38,0)) as varchar) is not distinct from "COUNT"
         then try_cast("COUNT" as number(38,0)) end as number(38,0)) as "COUNT",
  "COUNT_TEXT" as "COUNT_TEXT",
  cast(case when try_cast(cast(try_cast(cast("PRICE" as varchar) as number(10,2)) as varchar) as number(12,3)) is not distinct from "PRICE"
         then try_cast(cast("PRICE" as varchar) as number(10,2)) end as number(10,2)) as "PRICE",
  "PRICE_FLOAT" as "PRICE_FLOAT",
  "REAL" as "REAL",
  cast(null as float) as "RATIO",
  "CHOICE" as "CHOICE",
  "DAY" as "DAY",
  "DAY_TIME" as "DAY_TIME",
  "AT" as "AT",
  "SEEN" as "SEEN",
  "_selligent_member" as "_selligent_member"
from "d"."selligent"."crm__snapshot__1"
where not (("COUNT" is not null and cast(case when cast(try_cast("COUNT" as number(38,0)) as varchar) is not distinct from "COUNT"
         then try_cast("COUNT" as number(38,0)) end as number(38,0)) is null) or ("PRICE" is not null and cast(case when try_cast(cast(try_cast(cast("PRICE" as varchar) as number(10,2)) as varchar) as number(12,3)) is not distinct from "PRICE"
         then try_cast(cast("PRICE" as varchar) as number(10,2)) end as number(10,2)) is null) or false)
;
