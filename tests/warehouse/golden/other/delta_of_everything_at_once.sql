create table "d"."selligent"."run__delta" as

select row_number() over (order by numbered._selligent_kind) as _selligent_n, numbered.* from (
with matched as (
  select
    came."CODE", came."MAIL",
    coalesce(came."FLAG", gone."FLAG") as "FLAG",
    coalesce(came."FLAG_NUMBER", gone."FLAG_NUMBER") as "FLAG_NUMBER",
    coalesce(came."COUNT", gone."COUNT") as "COUNT",
    coalesce(came."COUNT_TEXT", gone."COUNT_TEXT") as "COUNT_TEXT",
    coalesce(came."PRICE", gone."PRICE") as "PRICE",
    coalesce(came."PRICE_FLOAT", gone."PRICE_FLOAT") as "PRICE_FLOAT",
    coalesce(came."REAL", gone."REAL") as "REAL",
    coalesce(came."RATIO", gone."RATIO") as "RATIO",
    coalesce(came."CHOICE", gone."CHOICE") as "CHOICE",
    coalesce(came."DAY", gone."DAY") as "DAY",
    coalesce(came."DAY_TIME", gone."DAY_TIME") as "DAY_TIME",
    coalesce(came."AT", gone."AT") as "AT",
    coalesce(came."SEEN", gone."SEEN") as "SEEN",
    gone."_selligent_member" as "_selligent_member",
    came."SOURCE" as "SOURCE",
    gone."CODE" is not null as _selligent_known,
    doubt."CODE" is not null as _selligent_doubt,
    rejected._selligent_hash as _selligent_refused,
    case when rejected._selligent_missing then 'missing' else 'held' end as _selligent_refusal,
    case when gone."CODE" is null then '' else concat('', case when came."FLAG" is not null and came."FLAG" is distinct from gone."FLAG" then '1' else '0' end, case when came."FLAG_NUMBER" is not null and came."FLAG_NUMBER" is distinct from gone."FLAG_NUMBER" then '1' else '0' end, case when came."COUNT" is not null and came."COUNT" is distinct from gone."COUNT" then '1' else '0' end, case when came."COUNT_TEXT" is not null and came."COUNT_TEXT" is distinct from gone."COUNT_TEXT" then '1' else '0' end, case when came."PRICE" is not null and came."PRICE" is distinct from gone."PRICE" then '1' else '0' end, case when came."PRICE_FLOAT" is not null and came."PRICE_FLOAT" is distinct from gone."PRICE_FLOAT" then '1' else '0' end, case when came."REAL" is not null and came."REAL" is distinct from gone."REAL" then '1' else '0' end, case when came."RATIO" is not null and came."RATIO" is distinct from gone."RATIO" then '1' else '0' end, case when came."CHOICE" is not null and came."CHOICE" is distinct from gone."CHOICE" then '1' else '0' end, case when came."DAY" is not null and came."DAY" is distinct from gone."DAY" then '1' else '0' end, case when came."DAY_TIME" is not null and came."DAY_TIME" is distinct from gone."DAY_TIME" then '1' else '0' end, case when came."AT" is not null and came."AT" is distinct from gone."AT" then '1' else '0' end, case when came."SEEN" is not null and came."SEEN" is distinct from gone."SEEN" then '1' else '0' end, case when gone."_selligent_member" then '0' else '1' end) end as _selligent_changed,
    concat('', case when came."FLAG" is null then '0' else '1' end, case when came."FLAG_NUMBER" is null then '0' else '1' end, case when came."COUNT" is null then '0' else '1' end, case when came."COUNT_TEXT" is null then '0' else '1' end, case when came."PRICE" is null then '0' else '1' end, case when came."PRICE_FLOAT" is null then '0' else '1' end, case when came."REAL" is null then '0' else '1' end, case when came."RATIO" is null then '0' else '1' end, case when came."CHOICE" is null then '0' else '1' end, case when came."DAY" is null then '0' else '1' end, case when came."DAY_TIME" is null then '0' else '1' end, case when came."AT" is null then '0' else '1' end, case when came."SEEN" is null then '0' else '1' end, '1') as _selligent_given,
    md5(coalesce(cast(length('CODE') as varchar) || ':' || 'CODE', '-') || coalesce(cast(length('MAIL') as varchar) || ':' || 'MAIL', '-') || coalesce(cast(length('FLAG') as varchar) || ':' || 'FLAG', '-') || coalesce(cast(length('FLAG_NUMBER') as varchar) || ':' || 'FLAG_NUMBER', '-') || coalesce(cast(length('COUNT') as varchar) || ':' || 'COUNT', '-') || coalesce(cast(length('COUNT_TEXT') as varchar) || ':' || 'COUNT_TEXT', '-') || coalesce(cast(length('PRICE') as varchar) || ':' || 'PRICE', '-') || coalesce(cast(length('PRICE_FLOAT') as varchar) || ':' || 'PRICE_FLOAT', '-') || coalesce(cast(length('REAL') as varchar) || ':' || 'REAL', '-') || coalesce(cast(length('RATIO') as varchar) || ':' || 'RATIO', '-') || coalesce(cast(length('CHOICE') as varchar) || ':' || 'CHOICE', '-') || coalesce(cast(length('DAY') as varchar) || ':' || 'DAY', '-') || coalesce(cast(length('DAY_TIME') as varchar) || ':' || 'DAY_TIME', '-') || coalesce(cast(length('AT') as varchar) || ':' || 'AT', '-') || coalesce(cast(length('SEEN') as varchar) || ':' || 'SEEN', '-') || coalesce(cast(length('SOURCE') as varchar) || ':' || 'SOURCE', '-') || coalesce(cast(length(cast(came."CODE" as varchar)) as varchar) || ':' || cast(came."CODE" as varchar), '-') || coalesce(cast(length(came."MAIL") as varchar) || ':' || came."MAIL", '-') || coalesce(cast(length(cast(came."FLAG" as varchar)) as varchar) || ':' || cast(came."FLAG" as varchar), '-') || coalesce(cast(length(cast(came."FLAG_NUMBER" as varchar)) as varchar) || ':' || cast(came."FLAG_NUMBER" as varchar), '-') || coalesce(cast(length(cast(came."COUNT" as varchar)) as varchar) || ':' || cast(came."COUNT" as varchar), '-') || coalesce(cast(length(came."COUNT_TEXT") as varchar) || ':' || came."COUNT_TEXT", '-') || coalesce(cast(length(cast(came."PRICE" as varchar)) as varchar) || ':' || cast(came."PRICE" as varchar), '-') || coalesce(cast(length(cast(came."PRICE_FLOAT" as varchar)) as varchar) || ':' || cast(came."PRICE_FLOAT" as varchar), '-') || coalesce(cast(length(cast(came."REAL" as varchar)) as varchar) || ':' || cast(came."REAL" as varchar), '-') || coalesce(cast(length(cast(came."RATIO" as varchar)) as varchar) || ':' || cast(came."RATIO" as varchar), '-') || coalesce(cast(length(came."CHOICE") as varchar) || ':' || came."CHOICE", '-') || coalesce(cast(length(cast(came."DAY" as varchar)) as varchar) || ':' || cast(came."DAY" as varchar), '-') || coalesce(cast(length(cast(came."DAY_TIME" as varchar)) as varchar) || ':' || cast(came."DAY_TIME" as varchar), '-') || coalesce(cast(length(cast(came."AT" as varchar)) as varchar) || ':' || cast(came."AT" as varchar), '-') || coalesce(cast(length(cast(came."SEEN" as varchar)) as varchar) || ':' || cast(came."SEEN" as varchar), '-') || coalesce(cast(length(came."SOURCE") as varchar) || ':' || came."SOURCE", '-'))
 as _selligent_hash
  from "d"."selligent"."run__came" as came
  left join "d"."selligent"."run__gone" as gone on came."CODE" = gone."CODE" and rtrim(lower(came."MAIL"), ' ') = rtrim(lower(gone."MAIL"), ' ')
  left join "d"."selligent"."crm__doubt__1" as doubt on came."CODE" = doubt."CODE" and rtrim(lower(came."MAIL"), ' ') = rtrim(lower(doubt."MAIL"), ' ')
  left join "d"."selligent"."crm__rejected__1" as rejected on came."CODE" = rejected."CODE" and rtrim(lower(came."MAIL"), ' ') = rtrim(lower(rejected."MAIL"), ' ')
  where not exists (
    select 1 from "d"."selligent"."run__doubled" as doubled where came."CODE" = doubled."CODE" and rtrim(lower(came."MAIL"), ' ') = rtrim(lower(doubled."MAIL"), ' '))
),
judged as (
  select *,
    case
      when 
  case when false then ''
    when matched."CODE" is null then 'CODE'

    when octet_length(matched."MAIL") > 80 and length(matched."MAIL") > 80
    then 'MAIL'


    when matched."FLAG_NUMBER" not between -2147483648 and 2147483647
    then 'FLAG_NUMBER'

    when matched."COUNT" not between -9223372036854775808 and 9223372036854775807
    then 'COUNT'

    when octet_length(matched."COUNT_TEXT") > 5 and length(matched."COUNT_TEXT") > 5
    then 'COUNT_TEXT'


    when not (abs(matched."PRICE_FLOAT") <= 1.7976931348623157e308) then 'PRICE_FLOAT'

    when not (abs(matched."REAL") <= 1.7976931348623157e308) then 'REAL'

    when not (abs(matched."RATIO") <= 1.7976931348623157e308) then 'RATIO'

    when matched."CHOICE" is not null and rtrim(lower(cast(matched."CHOICE" as varchar)), ' ') not in (rtrim(lower('a'), ' '), rtrim(lower('it''s \'), ' '))
    then 'CHOICE'

    when matched."DAY" not between date '0001-01-01' and date '9999-12-31'
    then 'DAY'

    when matched."DAY_TIME" not between cast('0001-01-01' as timestamp) and cast('9999-12-31 23:59:59.999' as timestamp)
    then 'DAY_TIME'

    when matched."AT" not between cast('0001-01-01' as timestamp) and cast('9999-12-31 23:59:59.999' as timestamp)
    then 'AT'

    when matched."SEEN" not between cast('0001-01-01' as timestamp) and cast('9999-12-31 23:59:59.999' as timestamp)
    then 'SEEN'

  end is not null then 'invalid'
      when not _selligent_known and 
  case when false then ''
    when octet_length(matched."SOURCE") > 20 and length(matched."SOURCE") > 20
    then 'SOURCE'

  end is not null then 'invalid'
      when _selligent_refused is not null and _selligent_refusal not in ('held')
        and _selligent_refused = _selligent_hash
        then _selligent_refusal
      when _selligent_doubt then 'again'
      when _selligent_known and _selligent_changed like '%1%' then 'changed'
      when _selligent_known then 'unchanged'
      else 'new'
    end as _selligent_kind
  from matched
),
removed as (
  select gone."CODE", gone."MAIL" from "d"."selligent"."run__gone" as gone
  where not exists (select 1 from "d"."selligent"."run__came" as found where gone."CODE" = found."CODE" and rtrim(lower(gone."MAIL"), ' ') = rtrim(lower(found."MAIL"), ' '))
  union all
  select doubt."CODE", doubt."MAIL" from "d"."selligent"."crm__doubt__1" as doubt
  where not exists (select 1 from "d"."selligent"."run__came" as found where doubt."CODE" = found."CODE" and rtrim(lower(doubt."MAIL"), ' ') = rtrim(lower(found."MAIL"), ' '))
)
select
  _selligent_kind,
  case _selligent_kind
    when 'changed' then _selligent_changed
    when 'new' then _selligent_given
    when 'again' then _selligent_given
    else '' end as _selligent_mask,
  "CODE", "MAIL", "FLAG", "FLAG_NUMBER", "COUNT", "COUNT_TEXT", "PRICE", "PRICE_FLOAT", "REAL", "RATIO", "CHOICE", "DAY", "DAY_TIME", "AT", "SEEN",
  case _selligent_kind when 'new' then false when 'changed' then "_selligent_member" end as "_selligent_member", "SOURCE", _selligent_hash
from judged
where _selligent_kind <> 'unchanged'
union all
select 'doubled', '', "CODE", "MAIL", "FLAG", "FLAG_NUMBER", "COUNT", "COUNT_TEXT", "PRICE", "PRICE_FLOAT", "REAL", "RATIO", "CHOICE", "DAY", "DAY_TIME", "AT", "SEEN", cast(null as boolean), "SOURCE", cast(null as varchar)
from "d"."selligent"."run__model" as model
where exists (
  select 1 from "d"."selligent"."run__doubled" as doubled where model."CODE" = doubled."CODE" and rtrim(lower(model."MAIL"), ' ') = rtrim(lower(doubled."MAIL"), ' '))
union all
select
  case when removed._selligent_adopted
    then 'spared' else 'removed' end, '', "CODE", "MAIL", cast(null as boolean), cast(null as bigint), cast(null as numeric(38,0)), cast(null as varchar), cast(null as decimal(10,2)), cast(null as double precision), cast(null as double precision), cast(null as double precision), cast(null as varchar), cast(null as date), cast(null as timestamp), cast(null as timestamp), cast(null as timestamp), cast(null as boolean), cast(null as varchar), cast(null as varchar)
from (
  select gone."CODE", gone."MAIL", adopted."CODE" is not null as _selligent_adopted
  from removed as gone left join "d"."selligent"."crm__adopted__1" as adopted on gone."CODE" = adopted."CODE" and rtrim(lower(gone."MAIL"), ' ') = rtrim(lower(adopted."MAIL"), ' ')) as removed
) as numbered
