create table "d"."selligent"."run__model" as
select
  cast("id" as number(38,0)) as "CODE",
  cast("e mail" as varchar) as "MAIL",
  cast("flag" as boolean) as "FLAG",
  cast(case when "flag" then 1 when not "flag" then 0 end as bigint) as "FLAG_NUMBER",
  cast("count" as number(38,0)) as "COUNT",
  cast("count" as varchar) as "COUNT_TEXT",
  cast("price" as number(10,2)) as "PRICE",
  
    case when cast("price" as float) = trunc(cast("price" as float)) and abs(cast("price" as float)) < 1e15 then cast("price" as float) + 0
         when abs(cast("price" as float)) between 1e-7 and 1e15
         then sign(cast("price" as float)) * floor(abs(cast("price" as float)) * power(10, greatest(0, 14 - cast(floor(log(10, abs(cast("price" as float)))) as integer))) + 0.5) / power(10, greatest(0, 14 - cast(floor(log(10, abs(cast("price" as float)))) as integer)))
         when abs(cast("price" as float)) between 1e-290 and 1e290
  then sign(cast("price" as float)) * floor(abs(cast("price" as float)) / power(10, cast(floor(log(10, abs(cast("price" as float)))) as integer) - 14) + 0.5) * power(10, cast(floor(log(10, abs(cast("price" as float)))) as integer) - 14)
  else cast("price" as float) end
 as "PRICE_FLOAT",
  
    case when cast("real" as float) = trunc(cast("real" as float)) and abs(cast("real" as float)) < 1e15 then cast("real" as float) + 0
         when abs(cast("real" as float)) between 1e-10 and 1e15
         then sign(cast("real" as float)) * floor(abs(cast("real" as float)) * power(10, greatest(0, 11 - cast(floor(log(10, abs(cast("real" as float)))) as integer))) + 0.5) / power(10, greatest(0, 11 - cast(floor(log(10, abs(cast("real" as float)))) as integer)))
         when abs(cast("real" as float)) between 1e-290 and 1e290
  then sign(cast("real" as float)) * floor(abs(cast("real" as float)) / power(10, cast(floor(log(10, abs(cast("real" as float)))) as integer) - 11) + 0.5) * power(10, cast(floor(log(10, abs(cast("real" as float)))) as integer) - 11)
  else cast("real" as float) end
 as "REAL",
  
    case when cast("ratio" as float) = trunc(cast("ratio" as float)) and abs(cast("ratio" as float)) < 1e15 then cast("ratio" as float) + 0
         when abs(cast("ratio" as float)) between 1e-10 and 1e15
         then sign(cast("ratio" as float)) * floor(abs(cast("ratio" as float)) * power(10, greatest(0, 11 - cast(floor(log(10, abs(cast("ratio" as float)))) as integer))) + 0.5) / power(10, greatest(0, 11 - cast(floor(log(10, abs(cast("ratio" as float)))) as integer)))
         when abs(cast("ratio" as float)) between 1e-290 and 1e290
  then sign(cast("ratio" as float)) * floor(abs(cast("ratio" as float)) / power(10, cast(floor(log(10, abs(cast("ratio" as float)))) as integer) - 11) + 0.5) * power(10, cast(floor(log(10, abs(cast("ratio" as float)))) as integer) - 11)
  else cast("ratio" as float) end
 as "RATIO",
  cast("e mail" as varchar) as "CHOICE",
  cast("day" as date) as "DAY",
  case when "day" not between cast('0001-01-02' as timestamp_ntz) and cast('9999-12-31' as timestamp_ntz)
         then cast('9999-12-31 23:59:59.999999' as timestamp_ntz)
         else date_trunc('millisecond', convert_timezone('Europe/Brussels', 'UTC', cast("day" as timestamp_ntz))) end
 as "DAY_TIME",
  case when "at" not between cast('0001-01-02' as timestamp_ntz) and cast('9999-12-31' as timestamp_ntz)
         then cast('9999-12-31 23:59:59.999999' as timestamp_ntz)
         else date_trunc('millisecond', convert_timezone('Europe/Brussels', 'UTC', cast("at" as timestamp_ntz))) end
 as "AT",
  case when "seen" not between cast('0001-01-02' as timestamp_ntz) and cast('9999-12-31' as timestamp_ntz)
         then cast('9999-12-31 23:59:59.999999' as timestamp_ntz)
         else date_trunc('millisecond', cast(convert_timezone('UTC', "seen") as timestamp_ntz)) end
 as "SEEN",
  cast(true as boolean) as "_selligent_member",
  cast("e mail" as varchar) as "SOURCE"
from "d"."s"."c"
