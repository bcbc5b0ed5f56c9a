create table "d"."selligent"."crm__doubt__2" as
select "CODE", "MAIL" from "d"."selligent"."crm__doubt__1"
union all
select "CODE", "MAIL" from (select kept."CODE", kept."MAIL" from "d"."selligent"."crm__snapshot__1" as kept where not exists (select 1 from "d"."selligent"."run__delta" as staged
    where staged._selligent_kind in ('invalid', 'doubled') and kept."CODE" = staged."CODE" and rtrim(lower(kept."MAIL"), ' ') = rtrim(lower(staged."MAIL"), ' '))) as added;


create table "d"."selligent"."crm__snapshot__2" as
select kept.* from "d"."selligent"."crm__snapshot__1" as kept where not (not exists (select 1 from "d"."selligent"."run__delta" as staged
    where staged._selligent_kind in ('invalid', 'doubled') and kept."CODE" = staged."CODE" and rtrim(lower(kept."MAIL"), ' ') = rtrim(lower(staged."MAIL"), ' ')));


create table "d"."selligent"."crm__invalid__2" as
select "CODE", "MAIL", _selligent_field, _selligent_reason, _selligent_rows from "d"."selligent"."crm__invalid__1"
union all
select "CODE", "MAIL", _selligent_field, _selligent_reason, _selligent_rows from (
select "CODE", "MAIL", _selligent_field, _selligent_reason, count(*) as _selligent_rows
from (
  select delta."CODE", delta."MAIL",
    case delta._selligent_kind
    when 'doubled' then 'CODE'
    when 'invalid' then 
  case when false then ''
    when delta."CODE" is null then 'CODE'
    when delta."CODE" not between -9223372036854775808 and 9223372036854775807
    then 'CODE'

    when octet_length(delta."MAIL") > 80 and length(delta."MAIL") + regexp_count(regexp_replace(hex_encode(delta."MAIL"), '(..)', '\\1 '), 'F[0-4] ') > 80
    then 'MAIL'


    when delta."FLAG_NUMBER" not between -2147483648 and 2147483647
    then 'FLAG_NUMBER'

    when delta."COUNT" not between -9223372036854775808 and 9223372036854775807
    then 'COUNT'

    when octet_length(delta."COUNT_TEXT") > 5 and length(delta."COUNT_TEXT") + regexp_count(regexp_replace(hex_encode(delta."COUNT_TEXT"), '(..)', '\\1 '), 'F[0-4] ') > 5
    then 'COUNT_TEXT'


    when not (abs(delta."PRICE_FLOAT") <= 1.7976931348623157e308) then 'PRICE_FLOAT'

    when not (abs(delta."REAL") <= 1.7976931348623157e308) then 'REAL'

    when not (abs(delta."RATIO") <= 1.7976931348623157e308) then 'RATIO'

    when delta."CHOICE" is not null and rtrim(lower(cast(delta."CHOICE" as varchar)), ' ') not in (rtrim(lower('a'), ' '), rtrim(lower('it''s \\'), ' '))
    then 'CHOICE'

    when delta."DAY" not between date '0001-01-01' and date '9999-12-31'
    then 'DAY'

    when delta."DAY_TIME" not between cast('0001-01-01' as timestamp_ntz) and cast('9999-12-31 23:59:59.999' as timestamp_ntz)
    then 'DAY_TIME'

    when delta."AT" not between cast('0001-01-01' as timestamp_ntz) and cast('9999-12-31 23:59:59.999' as timestamp_ntz)
    then 'AT'

    when delta."SEEN" not between cast('0001-01-01' as timestamp_ntz) and cast('9999-12-31 23:59:59.999' as timestamp_ntz)
    then 'SEEN'

    when octet_length(delta."SOURCE") > 20 and length(delta."SOURCE") + regexp_count(regexp_replace(hex_encode(delta."SOURCE"), '(..)', '\\1 '), 'F[0-4] ') > 20
    then 'SOURCE'

  end
  end as _selligent_field,
  case delta._selligent_kind
    when 'doubled' then 'the matching key stands twice, case and trailing blanks aside'
    when 'invalid' then 
  case when false then ''
    when delta."CODE" is null then 'null, which the field does not take'
    when delta."CODE" not between -9223372036854775808 and 9223372036854775807
    then 'outside the range of 64 bits'

    when octet_length(delta."MAIL") > 80 and length(delta."MAIL") + regexp_count(regexp_replace(hex_encode(delta."MAIL"), '(..)', '\\1 '), 'F[0-4] ') > 80
    then 'longer than 80 UTF-16 units'


    when delta."FLAG_NUMBER" not between -2147483648 and 2147483647
    then 'outside the range of 32 bits'

    when delta."COUNT" not between -9223372036854775808 and 9223372036854775807
    then 'outside the range of 64 bits'

    when octet_length(delta."COUNT_TEXT") > 5 and length(delta."COUNT_TEXT") + regexp_count(regexp_replace(hex_encode(delta."COUNT_TEXT"), '(..)', '\\1 '), 'F[0-4] ') > 5
    then 'longer than 5 UTF-16 units'


    when not (abs(delta."PRICE_FLOAT") <= 1.7976931348623157e308) then 'not a finite number'

    when not (abs(delta."REAL") <= 1.7976931348623157e308) then 'not a finite number'

    when not (abs(delta."RATIO") <= 1.7976931348623157e308) then 'not a finite number'

    when delta."CHOICE" is not null and rtrim(lower(cast(delta."CHOICE" as varchar)), ' ') not in (rtrim(lower('a'), ' '), rtrim(lower('it''s \\'), ' '))
    then 'not among the options of the field'

    when delta."DAY" not between date '0001-01-01' and date '9999-12-31'
    then 'outside the years 1 to 9999'

    when delta."DAY_TIME" not between cast('0001-01-01' as timestamp_ntz) and cast('9999-12-31 23:59:59.999' as timestamp_ntz)
    then 'outside the years 1 to 9999'

    when delta."AT" not between cast('0001-01-01' as timestamp_ntz) and cast('9999-12-31 23:59:59.999' as timestamp_ntz)
    then 'outside the years 1 to 9999'

    when delta."SEEN" not between cast('0001-01-01' as timestamp_ntz) and cast('9999-12-31 23:59:59.999' as timestamp_ntz)
    then 'outside the years 1 to 9999'

    when octet_length(delta."SOURCE") > 20 and length(delta."SOURCE") + regexp_count(regexp_replace(hex_encode(delta."SOURCE"), '(..)', '\\1 '), 'F[0-4] ') > 20
    then 'longer than 20 UTF-16 units'

  end
  end as _selligent_reason
  from "d"."selligent"."run__delta" as delta where _selligent_kind in ('invalid', 'doubled')) as wrong
group by "CODE", "MAIL", _selligent_field, _selligent_reason
) as added;
