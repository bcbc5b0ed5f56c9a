create table "d"."selligent"."run__delta" as

select row_number() over (order by numbered._selligent_kind) as _selligent_n, numbered.* from (
select
  case when 
  case when false then ''
    when model."CODE" is null then 'CODE'
    when model."CODE" not between -9223372036854775808 and 9223372036854775807
    then 'CODE'

    when octet_length(model."MAIL") > 80 and length(model."MAIL") + regexp_count(regexp_replace(hex_encode(model."MAIL"), '(..)', '\\1 '), 'F[0-4] ') > 80
    then 'MAIL'


    when model."FLAG_NUMBER" not between -2147483648 and 2147483647
    then 'FLAG_NUMBER'

    when model."COUNT" not between -9223372036854775808 and 9223372036854775807
    then 'COUNT'

    when octet_length(model."COUNT_TEXT") > 5 and length(model."COUNT_TEXT") + regexp_count(regexp_replace(hex_encode(model."COUNT_TEXT"), '(..)', '\\1 '), 'F[0-4] ') > 5
    then 'COUNT_TEXT'


    when not (abs(model."PRICE_FLOAT") <= 1.7976931348623157e308) then 'PRICE_FLOAT'

    when not (abs(model."REAL") <= 1.7976931348623157e308) then 'REAL'

    when not (abs(model."RATIO") <= 1.7976931348623157e308) then 'RATIO'

    when model."CHOICE" is not null and rtrim(lower(cast(model."CHOICE" as varchar)), ' ') not in (rtrim(lower('a'), ' '), rtrim(lower('it''s \\'), ' '))
    then 'CHOICE'

    when model."DAY" not between date '0001-01-01' and date '9999-12-31'
    then 'DAY'

    when model."DAY_TIME" not between cast('0001-01-01' as timestamp_ntz) and cast('9999-12-31 23:59:59.999' as timestamp_ntz)
    then 'DAY_TIME'

    when model."AT" not between cast('0001-01-01' as timestamp_ntz) and cast('9999-12-31 23:59:59.999' as timestamp_ntz)
    then 'AT'

    when model."SEEN" not between cast('0001-01-01' as timestamp_ntz) and cast('9999-12-31 23:59:59.999' as timestamp_ntz)
    then 'SEEN'

    when octet_length(model."SOURCE") > 20 and length(model."SOURCE") + regexp_count(regexp_replace(hex_encode(model."SOURCE"), '(..)', '\\1 '), 'F[0-4] ') > 20
    then 'SOURCE'

  end is null
    then 'new' else 'invalid' end as _selligent_kind,
  concat('', case when model."FLAG" is null then '0' else '1' end, case when model."FLAG_NUMBER" is null then '0' else '1' end, case when model."COUNT" is null then '0' else '1' end, case when model."COUNT_TEXT" is null then '0' else '1' end, case when model."PRICE" is null then '0' else '1' end, case when model."PRICE_FLOAT" is null then '0' else '1' end, case when model."REAL" is null then '0' else '1' end, case when model."RATIO" is null then '0' else '1' end, case when model."CHOICE" is null then '0' else '1' end, case when model."DAY" is null then '0' else '1' end, case when model."DAY_TIME" is null then '0' else '1' end, case when model."AT" is null then '0' else '1' end, case when model."SEEN" is null then '0' else '1' end, '1') as _selligent_mask,
  "CODE", "MAIL", "FLAG", "FLAG_NUMBER", "COUNT", "COUNT_TEXT", "PRICE", "PRICE_FLOAT", "REAL", "RATIO", "CHOICE", "DAY", "DAY_TIME", "AT", "SEEN", false as "_selligent_member", "SOURCE", md5(coalesce(cast(length('CODE') as varchar) || ':' || 'CODE', '-') || coalesce(cast(length('MAIL') as varchar) || ':' || 'MAIL', '-') || coalesce(cast(length('FLAG') as varchar) || ':' || 'FLAG', '-') || coalesce(cast(length('FLAG_NUMBER') as varchar) || ':' || 'FLAG_NUMBER', '-') || coalesce(cast(length('COUNT') as varchar) || ':' || 'COUNT', '-') || coalesce(cast(length('COUNT_TEXT') as varchar) || ':' || 'COUNT_TEXT', '-') || coalesce(cast(length('PRICE') as varchar) || ':' || 'PRICE', '-') || coalesce(cast(length('PRICE_FLOAT') as varchar) || ':' || 'PRICE_FLOAT', '-') || coalesce(cast(length('REAL') as varchar) || ':' || 'REAL', '-') || coalesce(cast(length('RATIO') as varchar) || ':' || 'RATIO', '-') || coalesce(cast(length('CHOICE') as varchar) || ':' || 'CHOICE', '-') || coalesce(cast(length('DAY') as varchar) || ':' || 'DAY', '-') || coalesce(cast(length('DAY_TIME') as varchar) || ':' || 'DAY_TIME', '-') || coalesce(cast(length('AT') as varchar) || ':' || 'AT', '-') || coalesce(cast(length('SEEN') as varchar) || ':' || 'SEEN', '-') || coalesce(cast(length('SOURCE') as varchar) || ':' || 'SOURCE', '-') || coalesce(cast(length(cast(model."CODE" as varchar)) as varchar) || ':' || cast(model."CODE" as varchar), '-') || coalesce(cast(length(model."MAIL") as varchar) || ':' || model."MAIL", '-') || coalesce(cast(length(cast(model."FLAG" as varchar)) as varchar) || ':' || cast(model."FLAG" as varchar), '-') || coalesce(cast(length(cast(model."FLAG_NUMBER" as varchar)) as varchar) || ':' || cast(model."FLAG_NUMBER" as varchar), '-') || coalesce(cast(length(cast(model."COUNT" as varchar)) as varchar) || ':' || cast(model."COUNT" as varchar), '-') || coalesce(cast(length(model."COUNT_TEXT") as varchar) || ':' || model."COUNT_TEXT", '-') || coalesce(cast(length(cast(model."PRICE" as varchar)) as varchar) || ':' || cast(model."PRICE" as varchar), '-') || coalesce(cast(length(cast(model."PRICE_FLOAT" as varchar)) as varchar) || ':' || cast(model."PRICE_FLOAT" as varchar), '-') || coalesce(cast(length(cast(model."REAL" as varchar)) as varchar) || ':' || cast(model."REAL" as varchar), '-') || coalesce(cast(length(cast(model."RATIO" as varchar)) as varchar) || ':' || cast(model."RATIO" as varchar), '-') || coalesce(cast(length(model."CHOICE") as varchar) || ':' || model."CHOICE", '-') || coalesce(cast(length(to_char(model."DAY", 'YYYY-MM-DD')) as varchar) || ':' || to_char(model."DAY", 'YYYY-MM-DD'), '-') || coalesce(cast(length(to_char(model."DAY_TIME", 'YYYY-MM-DD HH24:MI:SS.FF6')) as varchar) || ':' || to_char(model."DAY_TIME", 'YYYY-MM-DD HH24:MI:SS.FF6'), '-') || coalesce(cast(length(to_char(model."AT", 'YYYY-MM-DD HH24:MI:SS.FF6')) as varchar) || ':' || to_char(model."AT", 'YYYY-MM-DD HH24:MI:SS.FF6'), '-') || coalesce(cast(length(to_char(model."SEEN", 'YYYY-MM-DD HH24:MI:SS.FF6')) as varchar) || ':' || to_char(model."SEEN", 'YYYY-MM-DD HH24:MI:SS.FF6'), '-') || coalesce(cast(length(model."SOURCE") as varchar) || ':' || model."SOURCE", '-'))
 as _selligent_hash
from "d"."selligent"."run__model" as model
) as numbered
