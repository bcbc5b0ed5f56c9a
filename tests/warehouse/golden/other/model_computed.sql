create table "d"."selligent"."run__model" as
select
  cast("id" as bigint) as "CODE",
  cast("e mail" as varchar) as "MAIL",
  cast("flag" as boolean) as "FLAG",
  cast(case when "flag" then 1 when not "flag" then 0 end as bigint) as "FLAG_NUMBER",
  cast("count" as numeric(38,0)) as "COUNT",
  cast("count" as varchar) as "COUNT_TEXT",
  cast("price" as decimal(10,2)) as "PRICE",
  
    case when cast("price" as double precision) = trunc(cast("price" as double precision)) and abs(cast("price" as double precision)) < 1e15 then cast("price" as double precision) + 0
         when abs(cast("price" as double precision)) between 1e-7 and 1e15
         then sign(cast("price" as double precision)) * floor(abs(cast("price" as double precision)) * power(10, greatest(0, 14 - cast(floor(log10(abs(cast("price" as double precision)))) as integer))) + 0.5) / power(10, greatest(0, 14 - cast(floor(log10(abs(cast("price" as double precision)))) as integer)))
         when abs(cast("price" as double precision)) between 1e-290 and 1e290
  then sign(cast("price" as double precision)) * floor(abs(cast("price" as double precision)) / power(10, cast(floor(log10(abs(cast("price" as double precision)))) as integer) - 14) + 0.5) * power(10, cast(floor(log10(abs(cast("price" as double precision)))) as integer) - 14)
  else cast("price" as double precision) end
 as "PRICE_FLOAT",
  cast(cast("real" as varchar) as double precision) + 0 as "REAL",
  
    case when cast("ratio" as double precision) = trunc(cast("ratio" as double precision)) and abs(cast("ratio" as double precision)) < 1e15 then cast("ratio" as double precision) + 0
         when abs(cast("ratio" as double precision)) between 1e-10 and 1e15
         then sign(cast("ratio" as double precision)) * floor(abs(cast("ratio" as double precision)) * power(10, greatest(0, 11 - cast(floor(log10(abs(cast("ratio" as double precision)))) as integer))) + 0.5) / power(10, greatest(0, 11 - cast(floor(log10(abs(cast("ratio" as double precision)))) as integer)))
         when abs(cast("ratio" as double precision)) between 1e-290 and 1e290
  then sign(cast("ratio" as double precision)) * floor(abs(cast("ratio" as double precision)) / power(10, cast(floor(log10(abs(cast("ratio" as double precision)))) as integer) - 11) + 0.5) * power(10, cast(floor(log10(abs(cast("ratio" as double precision)))) as integer) - 11)
  else cast("ratio" as double precision) end
 as "RATIO",
  cast("e mail" as varchar) as "CHOICE",
  cast("day" as date) as "DAY",
  case when "day" not between cast('0001-01-02' as timestamp) and cast('9999-12-31' as timestamp)
         then cast('9999-12-31 23:59:59.999999' as timestamp)
         else date_trunc('millisecond', cast(cast("day" as timestamp) at time zone 'Europe/Brussels' at time zone 'UTC' as timestamp)) end
 as "DAY_TIME",
  case when "at" not between cast('0001-01-02' as timestamp) and cast('9999-12-31' as timestamp)
         then cast('9999-12-31 23:59:59.999999' as timestamp)
         else date_trunc('millisecond', cast(cast("at" as timestamp) at time zone 'Europe/Brussels' at time zone 'UTC' as timestamp)) end
 as "AT",
  case when "seen" not between cast('0001-01-02' as timestamp) and cast('9999-12-31' as timestamp)
         then cast('9999-12-31 23:59:59.999999' as timestamp)
         else date_trunc('millisecond', cast("seen" at time zone 'UTC' as timestamp)) end
 as "SEEN",
  cast(true as boolean) as "_selligent_member",
  cast("e mail" as varchar) as "SOURCE"
from "d"."s"."c"
