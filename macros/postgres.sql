{# What PostgreSQL says in its own way; see columns.sql. #}

{% macro postgres__selligent_text_type() -%} text {%- endmacro %}

{# A numeric may be larger than any double, or nearer to zero, and Postgres stops at it. #}
{% macro postgres__selligent_settled_float(column) %}
  {%- if column.origin in ('decimal', 'whole') -%}
    case when abs({{ column.source }}) between 1e-307 and 1.7976931348623157e308 then {{ default__selligent_settled_float(column) }}
         when abs({{ column.source }}) < 1e-307 then 0
         when {{ column.source }} is not null then cast('infinity' as {{ column.type }}) end
  {%- else -%} {{ default__selligent_settled_float(column) }}
  {%- endif -%}
{% endmacro %}

{#
  A numeric may have more digits than those that are kept: what is too large stays so. A text is of the
  database's collation, as the tables of the state are: of another one, two values may be the same, or a
  letter have no other case.
#}
{% macro postgres__selligent_settled_cast(column) %}
  {%- if column.origin == 'boolean' and column.family == 'integer' -%} cast(cast({{ column.source }} as integer) as {{ column.type }})
  {%- elif column.origin == 'whole' and column.family == 'huge' -%}
    case when abs({{ column.source }}) < 1e37 then cast({{ column.source }} as {{ column.type }})
         when {{ column.source }} is not null then cast(1e37 as {{ column.type }}) end
  {%- elif column.family == 'text' -%} cast({{ column.source }} as {{ column.type }}) collate "default"
  {%- else -%} cast({{ column.source }} as {{ column.type }})
  {%- endif -%}
{% endmacro %}

{% macro postgres__selligent_rounded_far(value, digits) %}
  {#- NaN is larger than all. What would be no double any more if it was rounded to 15 digits, is not. -#}
  when abs({{ value }}) > 1.7976931348623{{ '157' if digits < 14 else '1' }}e308 then {{ value }}
  else cast(to_char({{ value }}, '9.{{ '9' * (digits - 1) }}EEEE') as double precision)
{%- endmacro %}

{% macro postgres__selligent_settled_time(column) -%} {{ selligent_to_millisecond(selligent_in_utc(column)) }} {%- endmacro %}

{# Infinite ones stay so, and are found to be out of range. #}
{% macro postgres__selligent_in_utc(column) %}
  {%- if column.origin == 'zoned_time' -%} timezone('UTC', {{ column.source }})
  {%- else -%}
    case when {{ column.source }} not between {{ 'date' if column.origin == 'date' else 'timestamp' }} '0001-01-01 BC' and {{ 'date' if column.origin == 'date' else 'timestamp' }} '10000-12-31'
         then timestamp '10000-01-01' else {{ selligent_from_zone(column) }} end
  {%- endif -%}
{% endmacro %}

{# Exact numbers may be infinite, and none, here. #}
{% macro postgres__selligent_is_finite(column, value) %}
  {%- if column.family in ('float', 'decimal') -%} (abs({{ value }}) <= 1.7976931348623157e308) {%- endif -%}
{% endmacro %}

{% macro postgres__selligent_utf16_units(value) -%}
  length({{ value }}) + length(regexp_replace({{ value }}, E'[^\\U00010000-\\U0010FFFF]', '', 'g'))
{%- endmacro %}

{# A cast would follow the session's DateStyle. #}
{% macro postgres__selligent_as_text(family, value) %}
  {%- if family == 'text' -%} {{ value }}
  {%- elif family == 'date' -%} to_char({{ value }}, 'YYYY-MM-DD')
  {%- elif family == 'time' -%} to_char({{ value }}, 'YYYY-MM-DD HH24:MI:SS.US')
  {%- else -%} cast({{ value }} as text)
  {%- endif -%}
{% endmacro %}

{# There is no try_cast: a value is cast if it looks like one of the type, and is within its range. #}
{% macro postgres__selligent_tried(value, old_type, new_type, old_family, new_family) %}
  {%- if old_family == 'text' and new_family in ('date', 'time') -%} {{ selligent_time_of_text(value, new_family) }}
  {%- elif old_family == 'text' and new_family == 'float' -%}
    case when btrim({{ value }}) ~* '^{{ selligent_number_pattern() }}$' then {{ selligent_numeric_as('cast(btrim(' ~ value ~ ') as numeric)', 'decimal', new_type, new_family) }}
         when btrim({{ value }}) ~* '^([+-]?inf(inity)?|nan)$' then cast(btrim({{ value }}) as {{ new_type }}) end
  {%- elif old_family == 'text' -%}
    case when btrim({{ value }}) ~* '^{{ selligent_number_pattern() }}$' then {{ selligent_numeric_as('cast(btrim(' ~ value ~ ') as numeric)', 'decimal', new_type, new_family) }} end
  {%- elif new_family == 'date' -%} cast({{ value }} as {{ new_type }})
  {%- elif new_family == 'time' -%}
    case when {{ value }} between date '4000-01-01 BC' and date '294000-01-01' then cast({{ value }} as {{ new_type }}) end
  {%- else -%} {{ selligent_numeric_as(value, old_family, new_type, new_family) }}
  {%- endif -%}
{% endmacro %}

{# As many digits as numeric takes for sure. #}
{% macro selligent_number_pattern() -%} [+-]?([0-9]{1,255}[.]?[0-9]{0,255}|[.][0-9]{1,255})(e[+-]?[0-9]{1,3})? {%- endmacro %}

{% macro selligent_numeric_as(value, old_family, new_type, new_family) %}
  {%- if new_family == 'integer' and old_family == 'float' -%}
    case when {{ value }} >= -9223372036854775808 and {{ value }} < 9223372036854775808 then cast({{ value }} as {{ new_type }}) end
  {%- elif new_family == 'integer' -%}
    case when {{ value }} > -9223372036854775808.5 and {{ value }} < 9223372036854775807.5 then cast({{ value }} as {{ new_type }}) end
  {%- elif new_family == 'float' and old_family == 'decimal' -%}
    case when abs({{ value }}) between 2.5e-324 and 1.7976931348623157e308 then cast({{ value }} as {{ new_type }})
         when abs({{ value }}) < 2.5e-324 then 0 end
  {%- elif new_family == 'float' -%} cast({{ value }} as {{ new_type }})
  {%- elif '(' not in new_type -%}
    case when abs({{ value }}) <= 1.7976931348623157e308 then cast({{ value }} as {{ new_type }}) end
  {%- else -%}
    {%- set digits, places = (new_type.split('(')[1].rstrip(')') ~ ',0').split(',')[:2] -%}
    {%- set most = '1e' ~ (digits | int - places | int) -%}
    {#- A second look, since rounding may make it one more. -#}
    case when {{ value }} > -{{ most }} and {{ value }} < {{ most }}
         then case when abs(round(cast({{ value }} as numeric), {{ places | int }})) < {{ most }} then cast({{ value }} as {{ new_type }}) end end
  {%- endif -%}
{% endmacro %}

{# An ISO date, with a time or without; the day is one that the month has. #}
{% macro selligent_time_of_text(value, family) %}
  {%- set day = "make_date(cast(substr(" ~ value ~ ", 1, 4) as integer), cast(substr(" ~ value ~ ", 6, 2) as integer), 1) + cast(substr(" ~ value ~ ", 9, 2) as integer) - 1" -%}
    case when {{ value }} ~ '^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?Z?)?$'
         then case when extract(month from {{ day }}) = cast(substr({{ value }}, 6, 2) as integer)
              then {{ day }}
              {%- if family == 'time' %} + cast(coalesce(nullif(rtrim(substr({{ value }}, 12, 15), 'Z'), ''), '00:00') as time){% endif %} end end
{% endmacro %}

{#
  Of tables, views and materialized views; no rows where there is no such relation. A domain is given
  as the type beneath it, and an enum as `enum`, whatever they are called.
#}
{% macro postgres__selligent_relation_columns(relation, named, database, schema, identifier) %}
with recursive attribute as (
  select attnum, attname, atttypid, atttypmod from pg_catalog.pg_attribute
  where attrelid = to_regclass({{ named }})
  and attnum > 0 and not attisdropped
  union all
  select attnum, attname, typbasetype, typtypmod
  from attribute join pg_catalog.pg_type on pg_type.oid = atttypid where typtype = 'd'
)
select cast(attname as text) as column_name,
  case typtype when 'e' then 'enum' else format_type(atttypid, atttypmod) end as data_type
from attribute join pg_catalog.pg_type on pg_type.oid = atttypid where typtype <> 'd'
order by attnum
{% endmacro %}

{#
  In ASCII, since a driver says no more where the database's encoding is none of its letters'; of an
  encoding that has no É, or has it elsewhere, no more than ASCII is asked.
#}
{% macro postgres__selligent_knows_letters() %}
  {%- set latin = "getdatabaseencoding() in ('UTF8', 'LATIN1', 'LATIN9', 'WIN1252')" %}
select {{ selligent_folded("chr(case when " ~ latin ~ " then 201 else 65 end)") }}
  = chr(case when {{ latin }} then 233 else 97 end) as knows
{% endmacro %}

{# All of them, and not only those that may be read: a state that is not to be read is not none. #}
{% macro postgres__selligent_tables(named, schema, prefix) %}
select cast(relname as text) as table_name
from pg_catalog.pg_class join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace
where relkind = 'r' and nspname = {{ schema }} and starts_with(cast(relname as text), {{ prefix }})
order by 1
{% endmacro %}

{% macro postgres__selligent_find_schema(schema) %}
select cast(nspname as text) as schema_name from pg_catalog.pg_namespace where nspname = {{ schema }}
{% endmacro %}
