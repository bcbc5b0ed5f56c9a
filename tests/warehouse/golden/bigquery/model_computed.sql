create table `d`.`selligent`.`run__model` as
select
  cast(`id` as int64) as `CODE`,
  cast(`e mail` as string) as `MAIL`,
  cast(`flag` as bool) as `FLAG`,
  cast(case when `flag` then 1 when not `flag` then 0 end as int64) as `FLAG_NUMBER`,
  cast(`count` as bignumeric) as `COUNT`,
  cast(`count` as string) as `COUNT_TEXT`,
  cast(`price` as numeric) as `PRICE`,
  
    case when cast(`price` as float64) = trunc(cast(`price` as float64)) and abs(cast(`price` as float64)) < 1e15 then cast(`price` as float64) + 0
         when abs(cast(`price` as float64)) between 1e-7 and 1e15
         then sign(cast(`price` as float64)) * floor(abs(cast(`price` as float64)) * power(10, greatest(0, 14 - cast(floor(log10(abs(cast(`price` as float64)))) as integer))) + 0.5) / power(10, greatest(0, 14 - cast(floor(log10(abs(cast(`price` as float64)))) as integer)))
         else coalesce(safe_cast(format('%.14e', cast(`price` as float64)) as float64), cast(`price` as float64)) end
 as `PRICE_FLOAT`,
  
    case when cast(`real` as float64) = trunc(cast(`real` as float64)) and abs(cast(`real` as float64)) < 1e15 then cast(`real` as float64) + 0
         when abs(cast(`real` as float64)) between 1e-10 and 1e15
         then sign(cast(`real` as float64)) * floor(abs(cast(`real` as float64)) * power(10, greatest(0, 11 - cast(floor(log10(abs(cast(`real` as float64)))) as integer))) + 0.5) / power(10, greatest(0, 11 - cast(floor(log10(abs(cast(`real` as float64)))) as integer)))
         else coalesce(safe_cast(format('%.11e', cast(`real` as float64)) as float64), cast(`real` as float64)) end
 as `REAL`,
  
    case when cast(`ratio` as float64) = trunc(cast(`ratio` as float64)) and abs(cast(`ratio` as float64)) < 1e15 then cast(`ratio` as float64) + 0
         when abs(cast(`ratio` as float64)) between 1e-10 and 1e15
         then sign(cast(`ratio` as float64)) * floor(abs(cast(`ratio` as float64)) * power(10, greatest(0, 11 - cast(floor(log10(abs(cast(`ratio` as float64)))) as integer))) + 0.5) / power(10, greatest(0, 11 - cast(floor(log10(abs(cast(`ratio` as float64)))) as integer)))
         else coalesce(safe_cast(format('%.11e', cast(`ratio` as float64)) as float64), cast(`ratio` as float64)) end
 as `RATIO`,
  cast(`e mail` as string) as `CHOICE`,
  cast(`day` as date) as `DAY`,
  case when `day` not between cast('0001-01-02' as datetime) and cast('9999-12-31' as datetime)
         then cast('9999-12-31 23:59:59.999999' as datetime)
         else datetime_trunc(datetime(timestamp(cast(`day` as datetime), 'Europe/Brussels'), 'UTC'), millisecond) end
 as `DAY_TIME`,
  case when `at` not between cast('0001-01-02' as datetime) and cast('9999-12-31' as datetime)
         then cast('9999-12-31 23:59:59.999999' as datetime)
         else datetime_trunc(datetime(timestamp(cast(`at` as datetime), 'Europe/Brussels'), 'UTC'), millisecond) end
 as `AT`,
  datetime_trunc(datetime(`seen`, 'UTC'), millisecond) as `SEEN`,
  cast(true as bool) as `_selligent_member`,
  cast(`e mail` as string) as `SOURCE`
from `d`.`s`.`c`
