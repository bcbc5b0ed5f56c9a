create table `d`.`selligent`.`run__delta` as

select row_number() over (order by numbered._selligent_kind) as _selligent_n, numbered.* from (
select
  case when 
  case when false then ''
    when model.`CODE` is null then 'CODE'

    when byte_length(model.`MAIL`) > 80 and length(model.`MAIL`) + length(regexp_replace(model.`MAIL`, r'[^\x{10000}-\x{10FFFF}]', '')) > 80
    then 'MAIL'


    when model.`FLAG_NUMBER` not between -2147483648 and 2147483647
    then 'FLAG_NUMBER'

    when model.`COUNT` not between -9223372036854775808 and 9223372036854775807
    then 'COUNT'

    when byte_length(model.`COUNT_TEXT`) > 5 and length(model.`COUNT_TEXT`) + length(regexp_replace(model.`COUNT_TEXT`, r'[^\x{10000}-\x{10FFFF}]', '')) > 5
    then 'COUNT_TEXT'


    when not (abs(model.`PRICE_FLOAT`) <= 1.7976931348623157e308) then 'PRICE_FLOAT'

    when not (abs(model.`REAL`) <= 1.7976931348623157e308) then 'REAL'

    when not (abs(model.`RATIO`) <= 1.7976931348623157e308) then 'RATIO'

    when model.`CHOICE` is not null and rtrim(lower(cast(model.`CHOICE` as string)), ' ') not in (rtrim(lower('a'), ' '), rtrim(lower('it\'s \\'), ' '))
    then 'CHOICE'

    when model.`DAY` not between date '0001-01-01' and date '9999-12-31'
    then 'DAY'

    when model.`DAY_TIME` not between cast('0001-01-01' as datetime) and cast('9999-12-31 23:59:59.999' as datetime)
    then 'DAY_TIME'

    when model.`AT` not between cast('0001-01-01' as datetime) and cast('9999-12-31 23:59:59.999' as datetime)
    then 'AT'

    when model.`SEEN` not between cast('0001-01-01' as datetime) and cast('9999-12-31 23:59:59.999' as datetime)
    then 'SEEN'

    when byte_length(model.`SOURCE`) > 20 and length(model.`SOURCE`) + length(regexp_replace(model.`SOURCE`, r'[^\x{10000}-\x{10FFFF}]', '')) > 20
    then 'SOURCE'

  end is null
    then 'new' else 'invalid' end as _selligent_kind,
  '' as _selligent_mask,
  `CODE`, `MAIL`, `FLAG`, `FLAG_NUMBER`, `COUNT`, `COUNT_TEXT`, `PRICE`, `PRICE_FLOAT`, `REAL`, `RATIO`, `CHOICE`, `DAY`, `DAY_TIME`, `AT`, `SEEN`, false as `_selligent_member`, `SOURCE`
from `d`.`selligent`.`run__model` as model
) as numbered
