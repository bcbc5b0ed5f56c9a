{#
  One column of an activation, in SQL. A `column` has
    name      the field, a quoted identifier, as it is called in every table of the tool
    source    the model's column, a quoted identifier, or an expression of it
    origin    the family of the model's column: boolean | integer | huge | whole (a decimal without
              places) | decimal | real | float | text | date | time | zoned_time
    family    that of its settled value: boolean | integer | huge | decimal | float | text | date | time
    type      the SQL type of its settled value
    label     the field as a quoted SQL string
    zone      of times without zone, a quoted SQL string
    length    UTF-16 units that the field takes, or none; bits, of a whole number; required, if it
              takes no null; options that it takes, as quoted SQL strings, or none
#}

{# The value as it is sent: what the snapshot holds and the diff compares, never an implicit cast. #}
{% macro selligent_settled(column) %}
  {{- adapter.dispatch('selligent_settled', 'dbt_selligent')(column) -}}
{% endmacro %}

{% macro default__selligent_settled(column) %}
  {%- if column.family == 'float' and column.origin == 'real' -%} {{ selligent_from_real(column) }}
  {%- elif column.family == 'float' -%} {{ selligent_settled_float(column) }}
  {%- elif column.family == 'time' -%} {{ selligent_settled_time(column) }}
  {%- else -%} {{ selligent_settled_cast(column) }}
  {%- endif -%}
{% endmacro %}

{# By way of text, so that 0.1 stays 0.1 and not 0.10000000149. #}
{% macro selligent_from_real(column) %}
  {{- adapter.dispatch('selligent_from_real', 'dbt_selligent')(column) -}}
{% endmacro %}

{% macro default__selligent_from_real(column) -%}
  cast(cast({{ column.source }} as {{ selligent_text_type() }}) as {{ column.type | lower }}) + 0
{%- endmacro %}

{#
  The last digits of a rebuilt sum of doubles are noise: 12 significant ones count. Of exact numbers
  all count that a field holds.
#}
{% macro selligent_settled_float(column) %}
  {{- adapter.dispatch('selligent_settled_float', 'dbt_selligent')(column) -}}
{% endmacro %}

{% macro default__selligent_settled_float(column) -%}
  {{ selligent_rounded('cast(' ~ column.source ~ ' as ' ~ column.type | lower ~ ')', 12 if column.origin == 'float' else 15) }}
{%- endmacro %}

{# A value of any other family. #}
{% macro selligent_settled_cast(column) %}
  {{- adapter.dispatch('selligent_settled_cast', 'dbt_selligent')(column) -}}
{% endmacro %}

{% macro default__selligent_settled_cast(column) %}
  {%- if column.origin == 'boolean' and column.family == 'integer' -%}
    cast(case when {{ column.source }} then 1 when not {{ column.source }} then 0 end as {{ column.type }})
  {%- else -%} cast({{ column.source }} as {{ selligent_cast_type(column.type) }})
  {%- endif -%}
{% endmacro %}

{% macro duckdb__selligent_settled_cast(column) -%} cast({{ column.source }} as {{ column.type }}) {%- endmacro %}

{#
  A double with so many significant digits. Whole numbers are exact up to 15 digits, and may be
  identifiers: no other is rounded beyond the point, so that one near it comes to be it. + 0 makes -0
  the 0 that it equals. Rounding is exact where the power of ten is, and many times faster than a way
  by text.
#}
{% macro selligent_rounded(value, digits) %}
    case when {{ value }} = {{ selligent_whole(value) }} and abs({{ value }}) < 1e15 then {{ value }} + 0
         when abs({{ value }}) between 1e-{{ 22 - digits }} and 1e15
         then {{ selligent_rounded_at(value, selligent_places(value, digits)) }}
         {{ selligent_rounded_far(value, digits) }} end
{% endmacro %}

{# A double that is whole is equal to this, and no other. #}
{% macro selligent_whole(value) %}
  {{- adapter.dispatch('selligent_whole', 'dbt_selligent')(value) -}}
{% endmacro %}

{% macro default__selligent_whole(value) -%} trunc({{ value }}) {%- endmacro %}

{# How many places behind the point make up so many significant digits. #}
{% macro selligent_places(value, digits) -%}
  greatest(0, {{ digits - 1 }} - cast(floor({{ selligent_log10('abs(' ~ value ~ ')') }}) as integer))
{%- endmacro %}

{% macro selligent_log10(value) %}
  {{- adapter.dispatch('selligent_log10', 'dbt_selligent')(value) -}}
{% endmacro %}

{% macro default__selligent_log10(value) -%} log10({{ value }}) {%- endmacro %}

{#
  A double to so many places, halves away from zero. Between 1e11 and 1e15, where its digits are
  before the point then, a half is added exactly.
#}
{% macro selligent_rounded_at(value, places) %}
  {{- adapter.dispatch('selligent_rounded_at', 'dbt_selligent')(value, places) -}}
{% endmacro %}

{% macro default__selligent_rounded_at(value, places) -%}
  sign({{ value }}) * floor(abs({{ value }}) * power(10, {{ places }}) + 0.5) / power(10, {{ places }})
{%- endmacro %}

{% macro duckdb__selligent_rounded_at(value, places) -%} round({{ value }}, {{ places }}) {%- endmacro %}

{#
  The rest, as branches of that `case`: what is very small, very large, or no finite number. Without
  a way by text a power of ten is not exact here, and neither is the last digit.
#}
{% macro selligent_rounded_far(value, digits) %}
  {{- adapter.dispatch('selligent_rounded_far', 'dbt_selligent')(value, digits) -}}
{% endmacro %}

{% macro default__selligent_rounded_far(value, digits) %}
  {%- set scale = 'power(10, cast(floor(' ~ selligent_log10('abs(' ~ value ~ ')') ~ ') as integer) - ' ~ (digits - 1) ~ ')' -%}
  when abs({{ value }}) between 1e-290 and 1e290
  then sign({{ value }}) * floor(abs({{ value }}) / {{ scale }} + 0.5) * {{ scale }}
  else {{ value }}
{%- endmacro %}

{% macro duckdb__selligent_rounded_far(value, digits) -%}
  else cast(format('{:.{{ digits }}g}', {{ value }}) as double)
{%- endmacro %}

{# A date or a time, in UTC, to the millisecond; one that is far out of range is one that the checks find so. #}
{% macro selligent_settled_time(column) %}
  {{- adapter.dispatch('selligent_settled_time', 'dbt_selligent')(column) -}}
{% endmacro %}

{#
  For engines whose years end with 9999, and which stop at a time beyond: the checks look for one
  after the last millisecond. Where the zone may lead beyond, a day at each end is given up.
#}
{% macro default__selligent_settled_time(column) %}
  {%- set moved = column.origin == 'zoned_time' or column.zone != "'UTC'" -%}
    case when {{ column.source }} not between {{ selligent_moment(column, '0001-01-02' if moved else '0001-01-01') }} and {{ selligent_moment(column, '9999-12-31' if moved else '9999-12-31 23:59:59.999999') }}
         then {{ selligent_moment(column, '9999-12-31 23:59:59.999999') }}
         else {{ selligent_to_millisecond(selligent_in_utc(column)) }} end
{% endmacro %}

{% macro duckdb__selligent_settled_time(column) -%} {{ selligent_to_millisecond(selligent_in_utc(column)) }} {%- endmacro %}

{% macro selligent_to_millisecond(value) %}
  {{- adapter.dispatch('selligent_to_millisecond', 'dbt_selligent')(value) -}}
{% endmacro %}

{% macro default__selligent_to_millisecond(value) -%} date_trunc('millisecond', {{ value }}) {%- endmacro %}

{% macro selligent_in_utc(column) %}
  {{- adapter.dispatch('selligent_in_utc', 'dbt_selligent')(column) -}}
{% endmacro %}

{% macro default__selligent_in_utc(column) %}
  {%- if column.origin == 'zoned_time' -%} cast({{ column.source }} at time zone 'UTC' as {{ column.type }})
  {%- elif column.zone == "'UTC'" -%} cast({{ column.source }} as {{ column.type }})
  {%- else -%}
    cast(cast({{ column.source }} as {{ column.type }}) at time zone {{ column.zone }} at time zone 'UTC' as {{ column.type }})
  {%- endif -%}
{% endmacro %}

{# A time so far out of range that no cast takes it is one that the checks find to be out of it. #}
{% macro duckdb__selligent_in_utc(column) %}
  {%- if column.origin == 'zoned_time' -%} timezone('UTC', {{ column.source }})
  {%- else -%}
    case when coalesce(try_cast({{ column.source }} as timestamp) not between timestamp '0001-01-01 (BC)' and timestamp '10000-12-31', {{ column.source }} is not null)
         then timestamp '10000-01-01' else {{ selligent_from_zone(column) }} end
  {%- endif -%}
{% endmacro %}

{% macro selligent_from_zone(column) %}
  {%- if column.zone == "'UTC'" -%} cast({{ column.source }} as timestamp)
  {%- else -%} timezone('UTC', timezone({{ column.zone }}, cast({{ column.source }} as timestamp)))
  {%- endif -%}
{% endmacro %}

{# A time, given as text, in the type of settled ones. #}
{% macro selligent_moment(column, text) %}
  {{- adapter.dispatch('selligent_moment', 'dbt_selligent')(column, text) -}}
{% endmacro %}

{% macro default__selligent_moment(column, text) -%} cast('{{ text }}' as {{ column.type }}) {%- endmacro %}

{% macro duckdb__selligent_moment(column, text) -%} timestamp '{{ text }}' {%- endmacro %}

{# A settled key as keys are compared: Selligent looks at neither case nor trailing blanks. #}
{% macro selligent_canonical(column, value) %}
  {{- adapter.dispatch('selligent_canonical', 'dbt_selligent')(column, value) -}}
{% endmacro %}

{% macro default__selligent_canonical(column, value) %}
  {%- if column.family == 'text' -%} {{ selligent_folded(value) }} {%- else -%} {{ value }} {%- endif -%}
{% endmacro %}

{% macro selligent_folded(text) %}
  {{- adapter.dispatch('selligent_folded', 'dbt_selligent')(text) -}}
{% endmacro %}

{% macro default__selligent_folded(text) -%} rtrim(lower({{ text }}), ' ') {%- endmacro %}

{# Whether that is so of all letters: a database may know only those of ASCII. #}
{% macro selligent_knows_letters() %}
  {{- adapter.dispatch('selligent_knows_letters', 'dbt_selligent')() -}}
{% endmacro %}

{% macro default__selligent_knows_letters() %}
select {{ selligent_folded("'É'") }} = 'é' as knows
{% endmacro %}

{#
  Why a settled value cannot be sent, as branches of a `case`; none where any value can. `told` says
  what they give: the column's field, or the reason.
#}
{% macro selligent_unsendable(column, value, told) %}
  {{- adapter.dispatch('selligent_unsendable', 'dbt_selligent')(column, value, told) -}}
{% endmacro %}

{% macro default__selligent_unsendable(column, value, told) %}
  {%- if column.required %}
    when {{ value }} is null then {{ selligent_told(column, told, 'null, which the field does not take') }}
  {%- endif %}
  {%- set finite = selligent_is_finite(column, value) %}
  {%- if finite %}
    when not {{ finite }} then {{ selligent_told(column, told, 'not a finite number') }}
  {%- elif column.family in ('integer', 'huge') and column.bits == 32 %}
    when {{ value }} not between -2147483648 and 2147483647
    then {{ selligent_told(column, told, 'outside the range of 32 bits') }}
  {%- elif column.family == 'huge' %}
    when {{ value }} not between -9223372036854775808 and 9223372036854775807
    then {{ selligent_told(column, told, 'outside the range of 64 bits') }}
  {%- elif column.family == 'date' %}
    when {{ value }} not between date '0001-01-01' and date '9999-12-31'
    then {{ selligent_told(column, told, 'outside the years 1 to 9999') }}
  {%- elif column.family == 'time' %}
    when {{ value }} not between {{ selligent_moment(column, '0001-01-01') }} and {{ selligent_moment(column, '9999-12-31 23:59:59.999') }}
    then {{ selligent_told(column, told, 'outside the years 1 to 9999') }}
  {%- elif column.family == 'text' and column.length %}
    {#- No character takes more UTF-16 units than bytes of UTF-8: few texts have to be counted. #}
    when {{ selligent_bytes(value) }} > {{ column.length }} and {{ selligent_utf16_units(value) }} > {{ column.length }}
    then {{ selligent_told(column, told, 'longer than ' ~ column.length ~ ' UTF-16 units') }}
  {%- endif %}
  {%- if column.options is not none and column.options is defined %}
    when {{ value }} is not null
    {%- if column.options %} and {{ selligent_folded('cast(' ~ value ~ ' as ' ~ selligent_text_type() ~ ')') }} not in (
      {%- for option in column.options -%} {{ selligent_folded(option) }}{{ ', ' if not loop.last }}{%- endfor -%}
    ){% endif %}
    then {{ selligent_told(column, told, 'not among the options of the field') }}
  {%- endif %}
{% endmacro %}

{% macro selligent_told(column, told, reason) -%}
  {% if told == 'field' %}{{ column.label }}{% else %}'{{ reason }}'{% endif %}
{%- endmacro %}

{# Whether a value is a finite number; empty where every value of the column is one. #}
{% macro selligent_is_finite(column, value) %}
  {{- adapter.dispatch('selligent_is_finite', 'dbt_selligent')(column, value) -}}
{% endmacro %}

{# Engines differ in whether NaN is equal to itself, and larger than others. #}
{% macro default__selligent_is_finite(column, value) %}
  {%- if column.family == 'float' -%} (abs({{ value }}) <= 1.7976931348623157e308) {%- endif -%}
{% endmacro %}

{% macro duckdb__selligent_is_finite(column, value) %}
  {%- if column.family == 'float' -%} isfinite({{ value }}) {%- endif -%}
{% endmacro %}

{# Of a text in UTF-8. #}
{% macro selligent_bytes(value) %}
  {{- adapter.dispatch('selligent_bytes', 'dbt_selligent')(value) -}}
{% endmacro %}

{% macro default__selligent_bytes(value) -%} octet_length({{ value }}) {%- endmacro %}

{% macro duckdb__selligent_bytes(value) -%} strlen({{ value }}) {%- endmacro %}

{% macro selligent_utf16_units(value) %}
  {{- adapter.dispatch('selligent_utf16_units', 'dbt_selligent')(value) -}}
{% endmacro %}

{# Where an engine's way is not known, emoji count one: what is too long is refused when it is sent. #}
{% macro default__selligent_utf16_units(value) -%} length({{ value }}) {%- endmacro %}

{% macro duckdb__selligent_utf16_units(value) -%}
  length({{ value }}) + length(regexp_replace({{ value }}, '[^\x{10000}-\x{10FFFF}]', '', 'g'))
{%- endmacro %}

{# A settled value as an argument of json_array(). #}
{% macro selligent_json_value(column, value) %}
  {{- adapter.dispatch('selligent_json_value', 'dbt_selligent')(column, value) -}}
{% endmacro %}

{% macro default__selligent_json_value(column, value) %}
  {%- if column.family == 'time' -%}
    strftime({{ value }}, '%Y-%m-%dT%H:%M:%S.%gZ')
  {%- else -%} {{ value }} {%- endif -%}
{% endmacro %}

{# What a row is known by when it was rejected: its values as sent, and the mapping. #}
{% macro selligent_row_hash(columns, alias) %}
  {{- adapter.dispatch('selligent_row_hash', 'dbt_selligent')(columns, alias) -}}
{% endmacro %}

{# Each text has its length before it, so that where it ends does not hang on what it contains. #}
{% macro default__selligent_row_hash(columns, alias) %}
  {%- set texts -%}
    {%- for column in columns %}{{ selligent_measured(column.label) }} || {% endfor -%}
    {%- for column in columns -%}
      {{ selligent_measured(selligent_as_text(column.family, alias ~ '.' ~ column.name)) }}{{ ' || ' if not loop.last }}
    {%- endfor -%}
  {%- endset -%}
  {{ selligent_md5(texts) }}
{% endmacro %}

{% macro duckdb__selligent_row_hash(columns, alias) %}
  md5(cast(json_array(
    {%- for column in columns %}{{ column.label }}, {% endfor -%}
    {%- for column in columns -%}
      {{ selligent_json_value(column, alias ~ '.' ~ column.name) }}{{ ', ' if not loop.last }}
    {%- endfor -%}
  ) as varchar))
{% endmacro %}

{% macro selligent_measured(text) -%}
  coalesce(cast(length({{ text }}) as {{ selligent_text_type() }}) || ':' || {{ text }}, '-')
{%- endmacro %}

{% macro selligent_md5(text) %}
  {{- adapter.dispatch('selligent_md5', 'dbt_selligent')(text) -}}
{% endmacro %}

{% macro default__selligent_md5(text) -%} md5({{ text }}) {%- endmacro %}

{# A settled value as text, whatever a session's settings are. #}
{% macro selligent_as_text(family, value) %}
  {{- adapter.dispatch('selligent_as_text', 'dbt_selligent')(family, value) -}}
{% endmacro %}

{% macro default__selligent_as_text(family, value) %}
  {%- if family == 'text' -%} {{ value }} {%- else -%} cast({{ value }} as {{ selligent_text_type() }}) {%- endif -%}
{% endmacro %}

{% macro selligent_text_type() %}
  {{- adapter.dispatch('selligent_text_type', 'dbt_selligent')() -}}
{% endmacro %}

{% macro default__selligent_text_type() -%} varchar {%- endmacro %}

{% macro selligent_null(type) -%} cast(null as {{ selligent_cast_type(type) }}) {%- endmacro %}

{# A column's type as it stands in a cast. #}
{% macro selligent_cast_type(type) %}
  {{- adapter.dispatch('selligent_cast_type', 'dbt_selligent')(type) -}}
{% endmacro %}

{% macro default__selligent_cast_type(type) -%} {{ type }} {%- endmacro %}

{#
  A settled value in another type, or null where it has none there. A family is one of a settled value.
#}
{% macro selligent_try_cast(value, old_type, new_type, old_family, new_family) %}
  {{- adapter.dispatch('selligent_try_cast', 'dbt_selligent')(value, old_type, new_type, old_family, new_family) -}}
{% endmacro %}

{% macro duckdb__selligent_try_cast(value, old_type, new_type, old_family, new_family) -%}
  try_cast({{ value }} as {{ new_type }})
{%- endmacro %}

{% macro default__selligent_try_cast(value, old_type, new_type, old_family, new_family) %}
  {%- if old_type == new_type -%} {{ value }}
  {%- elif not selligent_convertible(old_family, new_family) -%} {{ selligent_null(new_type) }}
  {%- elif new_family == 'text' -%} {{ selligent_as_text(old_family, value) }}
  {%- elif new_family == 'boolean' -%} {{ selligent_boolean_of(old_family, value) }}
  {%- elif old_family == 'boolean' -%}
    cast(case when {{ value }} then 1 when not {{ value }} then 0 end as {{ selligent_cast_type(new_type) }})
  {%- else -%} {{ selligent_tried(value, old_type, new_type, old_family, new_family) }}
  {%- endif -%}
{% endmacro %}

{# Whether a value of one family may have an equal in another: all as text, numbers among each other, dates and times. #}
{% macro selligent_convertible(old, new) %}
  {%- if 'text' in (old, new) or (old in ('date', 'time')) == (new in ('date', 'time')) -%} yes {%- endif -%}
{% endmacro %}

{% macro selligent_boolean_of(family, value) %}
  {%- if family == 'text' -%}
    case when lower({{ value }}) in ('true', 't', 'yes', 'y', '1') then true
         when lower({{ value }}) in ('false', 'f', 'no', 'n', '0') then false end
  {%- else -%} {{ value }} <> 0
  {%- endif -%}
{% endmacro %}

{# What of it the engine has to try: numbers, dates and times, also from text. #}
{% macro selligent_tried(value, old_type, new_type, old_family, new_family) %}
  {{- adapter.dispatch('selligent_tried', 'dbt_selligent')(value, old_type, new_type, old_family, new_family) -}}
{% endmacro %}

{% macro default__selligent_tried(value, old_type, new_type, old_family, new_family) -%}
  try_cast({{ value }} as {{ new_type }})
{%- endmacro %}

{#
  Name and type of a relation's columns, in order. `relation` is its name in SQL, `named` the
  same as a quoted string; of what it consists comes as quoted SQL strings, in the case in which the engine keeps them.
#}
{% macro selligent_relation_columns(relation, named, database, schema, identifier) %}
  {{- adapter.dispatch('selligent_relation_columns', 'dbt_selligent')(relation, named, database, schema, identifier) -}}
{% endmacro %}

{% macro default__selligent_relation_columns(relation, named, database, schema, identifier) %}
select column_name, data_type from information_schema.columns
where table_catalog = {{ database }} and table_schema = {{ schema }} and table_name = {{ identifier }}
order by ordinal_position
{% endmacro %}

{% macro duckdb__selligent_relation_columns(relation, named, database, schema, identifier) %}
select column_name, column_type from (describe {{ relation }})
{% endmacro %}

{# Equality of canonical keys between two aliases. #}
{% macro selligent_same_key(keys, left, right) %}
  {%- for key in keys -%}
    {{ selligent_canonical(key, left ~ '.' ~ key.name) }} = {{ selligent_canonical(key, right ~ '.' ~ key.name) }}
    {{- ' and ' if not loop.last -}}
  {%- endfor -%}
{% endmacro %}

{% macro selligent_names(columns, alias='') %}
  {%- for column in columns -%}
    {{ alias ~ '.' if alias }}{{ column.name }}{{ ', ' if not loop.last }}
  {%- endfor -%}
{% endmacro %}

{% macro selligent_canonical_names(keys, alias) %}
  {%- for key in keys -%}
    {{ selligent_canonical(key, alias ~ '.' ~ key.name) }} as {{ key.name }}{{ ', ' if not loop.last }}
  {%- endfor -%}
{% endmacro %}

{#
  The number of a staged row: rows are staged once. Where the engine does not number them in the order
  of staging itself, they are staged with it.
#}
{% macro selligent_number(alias) %}
  {{- adapter.dispatch('selligent_number', 'dbt_selligent')(alias) -}}
{% endmacro %}

{% macro duckdb__selligent_number(alias) -%} {{ alias }}.rowid {%- endmacro %}

{% macro default__selligent_number(alias) -%} {{ alias }}._selligent_n {%- endmacro %}

{% macro selligent_numbered(query) %}
  {{- adapter.dispatch('selligent_numbered', 'dbt_selligent')(query) -}}
{% endmacro %}

{% macro duckdb__selligent_numbered(query) %}
{{ query }}
{% endmacro %}

{% macro default__selligent_numbered(query) %}
select row_number() over (order by numbered._selligent_kind) as _selligent_n, numbered.* from ({{ query }}) as numbered
{% endmacro %}

{% macro postgres__selligent_numbered(query) %}
select row_number() over () as _selligent_n, numbered.* from ({{ query }}) as numbered
{% endmacro %}

{# Rising and unique, and without one worker that has to see every row; not without gaps. #}
{% macro spark__selligent_numbered(query) %}
select monotonically_increasing_id() as _selligent_n, numbered.* from ({{ query }}) as numbered
{% endmacro %}

{# The tool's own copy of a delta: of a DuckDB, and numbered by the warehouse. #}
{% macro copied__selligent_number(alias) -%} {{ alias }}._selligent_n {%- endmacro %}

{# UTF-16 units of the longest text of each of some columns, which come quoted. #}
{% macro selligent_longest(relation, columns) %}
select
  {%- for column in columns %} max({{ selligent_utf16_units(column) }}){{ ',' if not loop.last }}{% endfor %}
from {{ relation }}
{% endmacro %}
