create table `d`.`selligent`.`run__delta` as

select row_number() over (order by numbered._selligent_kind) as _selligent_n, numbered.* from (
with matched as (
  select
    came.`CODE`, came.`MAIL`,
    came.`FLAG` as `FLAG`,
    came.`FLAG_NUMBER` as `FLAG_NUMBER`,
    came.`COUNT` as `COUNT`,
    came.`COUNT_TEXT` as `COUNT_TEXT`,
    came.`PRICE` as `PRICE`,
    came.`PRICE_FLOAT` as `PRICE_FLOAT`,
    came.`REAL` as `REAL`,
    came.`RATIO` as `RATIO`,
    came.`CHOICE` as `CHOICE`,
    came.`DAY` as `DAY`,
    came.`DAY_TIME` as `DAY_TIME`,
    came.`AT` as `AT`,
    came.`SEEN` as `SEEN`,
    gone.`_selligent_member` as `_selligent_member`,
    came.`SOURCE` as `SOURCE`,
    gone.`CODE` is not null as _selligent_known,
    doubt.`CODE` is not null as _selligent_doubt,
    rejected._selligent_hash as _selligent_refused,
    case when rejected._selligent_missing then 'missing' else 'held' end as _selligent_refusal,
    case when gone.`CODE` is null then '' else concat('', case when came.`FLAG` is distinct from gone.`FLAG` then '1' else '0' end, case when came.`FLAG_NUMBER` is distinct from gone.`FLAG_NUMBER` then '1' else '0' end, case when came.`COUNT` is distinct from gone.`COUNT` then '1' else '0' end, case when came.`COUNT_TEXT` is distinct from gone.`COUNT_TEXT` then '1' else '0' end, case when came.`PRICE` is distinct from gone.`PRICE` then '1' else '0' end, case when came.`PRICE_FLOAT` is distinct from gone.`PRICE_FLOAT` then '1' else '0' end, case when came.`REAL` is distinct from gone.`REAL` then '1' else '0' end, case when came.`RATIO` is distinct from gone.`RATIO` then '1' else '0' end, case when came.`CHOICE` is distinct from gone.`CHOICE` then '1' else '0' end, case when came.`DAY` is distinct from gone.`DAY` then '1' else '0' end, case when came.`DAY_TIME` is distinct from gone.`DAY_TIME` then '1' else '0' end, case when came.`AT` is distinct from gone.`AT` then '1' else '0' end, case when came.`SEEN` is distinct from gone.`SEEN` then '1' else '0' end, case when gone.`_selligent_member` then '0' else '1' end) end as _selligent_changed,
    '' as _selligent_given
  from `d`.`selligent`.`run__came` as came
  left join `d`.`selligent`.`run__gone` as gone on came.`CODE` = gone.`CODE` and rtrim(lower(came.`MAIL`), ' ') = rtrim(lower(gone.`MAIL`), ' ')
  left join `d`.`selligent`.`crm__doubt__1` as doubt on came.`CODE` = doubt.`CODE` and rtrim(lower(came.`MAIL`), ' ') = rtrim(lower(doubt.`MAIL`), ' ')
  left join `d`.`selligent`.`crm__rejected__1` as rejected on came.`CODE` = rejected.`CODE` and rtrim(lower(came.`MAIL`), ' ') = rtrim(lower(rejected.`MAIL`), ' ')
),
judged as (
  select *,
    case
      when 
  case when false then ''
    when matched.`CODE` is null then 'CODE'

    when byte_length(matched.`MAIL`) > 80 and length(matched.`MAIL`) + length(regexp_replace(matched.`MAIL`, r'[^\x{10000}-\x{10FFFF}]', '')) > 80
    then 'MAIL'


    when matched.`FLAG_NUMBER` not between -2147483648 and 2147483647
    then 'FLAG_NUMBER'

    when matched.`COUNT` not between -9223372036854775808 and 9223372036854775807
    then 'COUNT'

    when byte_length(matched.`COUNT_TEXT`) > 5 and length(matched.`COUNT_TEXT`) + length(regexp_replace(matched.`COUNT_TEXT`, r'[^\x{10000}-\x{10FFFF}]', '')) > 5
    then 'COUNT_TEXT'


    when not (abs(matched.`PRICE_FLOAT`) <= 1.7976931348623157e308) then 'PRICE_FLOAT'

    when not (abs(matched.`REAL`) <= 1.7976931348623157e308) then 'REAL'

    when not (abs(matched.`RATIO`) <= 1.7976931348623157e308) then 'RATIO'

    when matched.`CHOICE` is not null and rtrim(lower(cast(matched.`CHOICE` as string)), ' ') not in (rtrim(lower('a'), ' '), rtrim(lower('it\'s \\'), ' '))
    then 'CHOICE'

    when matched.`DAY` not between date '0001-01-01' and date '9999-12-31'
    then 'DAY'

    when matched.`DAY_TIME` not between cast('0001-01-01' as datetime) and cast('9999-12-31 23:59:59.999' as datetime)
    then 'DAY_TIME'

    when matched.`AT` not between cast('0001-01-01' as datetime) and cast('9999-12-31 23:59:59.999' as datetime)
    then 'AT'

    when matched.`SEEN` not between cast('0001-01-01' as datetime) and cast('9999-12-31 23:59:59.999' as datetime)
    then 'SEEN'

  end is not null then 'invalid'
      when not _selligent_known and 
  case when false then ''
    when byte_length(matched.`SOURCE`) > 20 and length(matched.`SOURCE`) + length(regexp_replace(matched.`SOURCE`, r'[^\x{10000}-\x{10FFFF}]', '')) > 20
    then 'SOURCE'

  end is not null then 'invalid'
      when _selligent_refused is not null
        and _selligent_refused = to_hex(md5(coalesce(cast(length('CODE') as string) || ':' || 'CODE', '-') || coalesce(cast(length('MAIL') as string) || ':' || 'MAIL', '-') || coalesce(cast(length('FLAG') as string) || ':' || 'FLAG', '-') || coalesce(cast(length('FLAG_NUMBER') as string) || ':' || 'FLAG_NUMBER', '-') || coalesce(cast(length('COUNT') as string) || ':' || 'COUNT', '-') || coalesce(cast(length('COUNT_TEXT') as string) || ':' || 'COUNT_TEXT', '-') || coalesce(cast(length('PRICE') as string) || ':' || 'PRICE', '-') || coalesce(cast(length('PRICE_FLOAT') as string) || ':' || 'PRICE_FLOAT', '-') || coalesce(cast(length('REAL') as string) || ':' || 'REAL', '-') || coalesce(cast(length('RATIO') as string) || ':' || 'RATIO', '-') || coalesce(cast(length('CHOICE') as string) || ':' || 'CHOICE', '-') || coalesce(cast(length('DAY') as string) || ':' || 'DAY', '-') || coalesce(cast(length('DAY_TIME') as string) || ':' || 'DAY_TIME', '-') || coalesce(cast(length('AT') as string) || ':' || 'AT', '-') || coalesce(cast(length('SEEN') as string) || ':' || 'SEEN', '-') || coalesce(cast(length('SOURCE') as string) || ':' || 'SOURCE', '-') || coalesce(cast(length(cast(matched.`CODE` as string)) as string) || ':' || cast(matched.`CODE` as string), '-') || coalesce(cast(length(matched.`MAIL`) as string) || ':' || matched.`MAIL`, '-') || coalesce(cast(length(cast(matched.`FLAG` as string)) as string) || ':' || cast(matched.`FLAG` as string), '-') || coalesce(cast(length(cast(matched.`FLAG_NUMBER` as string)) as string) || ':' || cast(matched.`FLAG_NUMBER` as string), '-') || coalesce(cast(length(cast(matched.`COUNT` as string)) as string) || ':' || cast(matched.`COUNT` as string), '-') || coalesce(cast(length(matched.`COUNT_TEXT`) as string) || ':' || matched.`COUNT_TEXT`, '-') || coalesce(cast(length(cast(matched.`PRICE` as string)) as string) || ':' || cast(matched.`PRICE` as string), '-') || coalesce(cast(length(cast(matched.`PRICE_FLOAT` as string)) as string) || ':' || cast(matched.`PRICE_FLOAT` as string), '-') || coalesce(cast(length(cast(matched.`REAL` as string)) as string) || ':' || cast(matched.`REAL` as string), '-') || coalesce(cast(length(cast(matched.`RATIO` as string)) as string) || ':' || cast(matched.`RATIO` as string), '-') || coalesce(cast(length(matched.`CHOICE`) as string) || ':' || matched.`CHOICE`, '-') || coalesce(cast(length(cast(matched.`DAY` as string)) as string) || ':' || cast(matched.`DAY` as string), '-') || coalesce(cast(length(cast(matched.`DAY_TIME` as string)) as string) || ':' || cast(matched.`DAY_TIME` as string), '-') || coalesce(cast(length(cast(matched.`AT` as string)) as string) || ':' || cast(matched.`AT` as string), '-') || coalesce(cast(length(cast(matched.`SEEN` as string)) as string) || ':' || cast(matched.`SEEN` as string), '-') || coalesce(cast(length(matched.`SOURCE`) as string) || ':' || matched.`SOURCE`, '-')))

        then _selligent_refusal
      when _selligent_doubt then 'again'
      when _selligent_known and _selligent_changed like '%1%' then 'changed'
      when _selligent_known then 'unchanged'
      else 'new'
    end as _selligent_kind
  from matched
),
removed as (
  select gone.`CODE`, gone.`MAIL` from `d`.`selligent`.`run__gone` as gone
  where not exists (select 1 from `d`.`selligent`.`run__came` as found where gone.`CODE` = found.`CODE` and rtrim(lower(gone.`MAIL`), ' ') = rtrim(lower(found.`MAIL`), ' '))
  union all
  select doubt.`CODE`, doubt.`MAIL` from `d`.`selligent`.`crm__doubt__1` as doubt
  where not exists (select 1 from `d`.`selligent`.`run__came` as found where doubt.`CODE` = found.`CODE` and rtrim(lower(doubt.`MAIL`), ' ') = rtrim(lower(found.`MAIL`), ' '))
)
select
  _selligent_kind,
  case _selligent_kind
    when 'changed' then _selligent_changed
    when 'new' then _selligent_given
    when 'again' then _selligent_given
    else '' end as _selligent_mask,
  `CODE`, `MAIL`, `FLAG`, `FLAG_NUMBER`, `COUNT`, `COUNT_TEXT`, `PRICE`, `PRICE_FLOAT`, `REAL`, `RATIO`, `CHOICE`, `DAY`, `DAY_TIME`, `AT`, `SEEN`,
  case _selligent_kind when 'new' then false when 'changed' then `_selligent_member` end as `_selligent_member`, `SOURCE`
from judged
where _selligent_kind <> 'unchanged'
union all
select 'removed', '', `CODE`, `MAIL`, cast(null as bool), cast(null as int64), cast(null as bignumeric), cast(null as string), cast(null as numeric), cast(null as float64), cast(null as float64), cast(null as float64), cast(null as string), cast(null as date), cast(null as datetime), cast(null as datetime), cast(null as datetime), cast(null as bool), cast(null as string)
from removed
) as numbered
