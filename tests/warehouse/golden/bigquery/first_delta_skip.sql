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
  concat('', case when model.`FLAG` is null then '0' else '1' end, case when model.`FLAG_NUMBER` is null then '0' else '1' end, case when model.`COUNT` is null then '0' else '1' end, case when model.`COUNT_TEXT` is null then '0' else '1' end, case when model.`PRICE` is null then '0' else '1' end, case when model.`PRICE_FLOAT` is null then '0' else '1' end, case when model.`REAL` is null then '0' else '1' end, case when model.`RATIO` is null then '0' else '1' end, case when model.`CHOICE` is null then '0' else '1' end, case when model.`DAY` is null then '0' else '1' end, case when model.`DAY_TIME` is null then '0' else '1' end, case when model.`AT` is null then '0' else '1' end, case when model.`SEEN` is null then '0' else '1' end, '1') as _selligent_mask,
  `CODE`, `MAIL`, `FLAG`, `FLAG_NUMBER`, `COUNT`, `COUNT_TEXT`, `PRICE`, `PRICE_FLOAT`, `REAL`, `RATIO`, `CHOICE`, `DAY`, `DAY_TIME`, `AT`, `SEEN`, false as `_selligent_member`, `SOURCE`, to_hex(md5(coalesce(cast(length('CODE') as string) || ':' || 'CODE', '-') || coalesce(cast(length('MAIL') as string) || ':' || 'MAIL', '-') || coalesce(cast(length('FLAG') as string) || ':' || 'FLAG', '-') || coalesce(cast(length('FLAG_NUMBER') as string) || ':' || 'FLAG_NUMBER', '-') || coalesce(cast(length('COUNT') as string) || ':' || 'COUNT', '-') || coalesce(cast(length('COUNT_TEXT') as string) || ':' || 'COUNT_TEXT', '-') || coalesce(cast(length('PRICE') as string) || ':' || 'PRICE', '-') || coalesce(cast(length('PRICE_FLOAT') as string) || ':' || 'PRICE_FLOAT', '-') || coalesce(cast(length('REAL') as string) || ':' || 'REAL', '-') || coalesce(cast(length('RATIO') as string) || ':' || 'RATIO', '-') || coalesce(cast(length('CHOICE') as string) || ':' || 'CHOICE', '-') || coalesce(cast(length('DAY') as string) || ':' || 'DAY', '-') || coalesce(cast(length('DAY_TIME') as string) || ':' || 'DAY_TIME', '-') || coalesce(cast(length('AT') as string) || ':' || 'AT', '-') || coalesce(cast(length('SEEN') as string) || ':' || 'SEEN', '-') || coalesce(cast(length('SOURCE') as string) || ':' || 'SOURCE', '-') || coalesce(cast(length(cast(model.`CODE` as string)) as string) || ':' || cast(model.`CODE` as string), '-') || coalesce(cast(length(model.`MAIL`) as string) || ':' || model.`MAIL`, '-') || coalesce(cast(length(cast(model.`FLAG` as string)) as string) || ':' || cast(model.`FLAG` as string), '-') || coalesce(cast(length(cast(model.`FLAG_NUMBER` as string)) as string) || ':' || cast(model.`FLAG_NUMBER` as string), '-') || coalesce(cast(length(cast(model.`COUNT` as string)) as string) || ':' || cast(model.`COUNT` as string), '-') || coalesce(cast(length(model.`COUNT_TEXT`) as string) || ':' || model.`COUNT_TEXT`, '-') || coalesce(cast(length(cast(model.`PRICE` as string)) as string) || ':' || cast(model.`PRICE` as string), '-') || coalesce(cast(length(cast(model.`PRICE_FLOAT` as string)) as string) || ':' || cast(model.`PRICE_FLOAT` as string), '-') || coalesce(cast(length(cast(model.`REAL` as string)) as string) || ':' || cast(model.`REAL` as string), '-') || coalesce(cast(length(cast(model.`RATIO` as string)) as string) || ':' || cast(model.`RATIO` as string), '-') || coalesce(cast(length(model.`CHOICE`) as string) || ':' || model.`CHOICE`, '-') || coalesce(cast(length(cast(model.`DAY` as string)) as string) || ':' || cast(model.`DAY` as string), '-') || coalesce(cast(length(cast(model.`DAY_TIME` as string)) as string) || ':' || cast(model.`DAY_TIME` as string), '-') || coalesce(cast(length(cast(model.`AT` as string)) as string) || ':' || cast(model.`AT` as string), '-') || coalesce(cast(length(cast(model.`SEEN` as string)) as string) || ':' || cast(model.`SEEN` as string), '-') || coalesce(cast(length(model.`SOURCE`) as string) || ':' || model.`SOURCE`, '-')))
 as _selligent_hash
from `d`.`selligent`.`run__model` as model
) as numbered
