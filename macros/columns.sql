{#
  One column of an activation, in SQL. A `column` has
    name      the field, a quoted identifier, as it is called in every table of the tool
    source    the model's column, a quoted identifier
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
  {%- if column.family == 'float' and column.origin == 'real' -%}
    {#- By way of text, so that 0.1 stays 0.1 and not 0.10000000149. -#}
    cast(cast({{ column.source }} as varchar) as double) + 0
  {%- elif column.family == 'float' -%}
    {#- The last digits of a rebuilt sum of doubles are noise: 12 significant ones count. Of exact
        numbers all count that a field holds. -#}
    {{ selligent_rounded('cast(' ~ column.source ~ ' as double)', 12 if column.origin == 'float' else 15) }}
  {%- elif column.family == 'time' -%}
    date_trunc('millisecond', {{ selligent_in_utc(column) }})
  {%- else -%}
    cast({{ column.source }} as {{ column.type }})
  {%- endif -%}
{% endmacro %}

{#
  A double with so many significant digits. Whole numbers are exact up to 15 digits, and may be
  identifiers: no other is rounded beyond the point, so that one near it comes to be it. + 0 makes -0
  the 0 that it equals. round() is exact where the power of ten is, and
  many times faster than a way by text.
#}
{% macro selligent_rounded(value, digits) %}
    case when {{ value }} = trunc({{ value }}) and abs({{ value }}) < 1e15 then {{ value }} + 0
         when abs({{ value }}) between 1e-{{ 22 - digits }} and 1e15
         then round({{ value }}, greatest(0, {{ digits - 1 }} - cast(floor(log10(abs({{ value }}))) as integer)))
         else cast(format('{:.{{ digits }}g}', {{ value }}) as double) end
{% endmacro %}

{# A time so far out of range that no cast takes it is one that the checks find to be out of it. #}
{% macro selligent_in_utc(column) %}
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

{# A settled key as keys are compared: Selligent looks at neither case nor trailing blanks. #}
{% macro selligent_canonical(column, value) %}
  {{- adapter.dispatch('selligent_canonical', 'dbt_selligent')(column, value) -}}
{% endmacro %}

{% macro default__selligent_canonical(column, value) %}
  {%- if column.family == 'text' -%} rtrim(lower({{ value }}), ' ') {%- else -%} {{ value }} {%- endif -%}
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
  {%- if column.family == 'float' %}
    when not isfinite({{ value }}) then {{ selligent_told(column, told, 'not a finite number') }}
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
    when {{ value }} not between timestamp '0001-01-01' and timestamp '9999-12-31 23:59:59.999'
    then {{ selligent_told(column, told, 'outside the years 1 to 9999') }}
  {%- elif column.family == 'text' and column.length %}
    {#- No character takes more UTF-16 units than bytes of UTF-8: few texts have to be counted. #}
    when strlen({{ value }}) > {{ column.length }} and {{ selligent_utf16_units(value) }} > {{ column.length }}
    then {{ selligent_told(column, told, 'longer than ' ~ column.length ~ ' UTF-16 units') }}
  {%- endif %}
  {%- if column.options is not none and column.options is defined %}
    when {{ value }} is not null
    {%- if column.options %} and rtrim(lower(cast({{ value }} as varchar)), ' ') not in (
      {%- for option in column.options -%} rtrim(lower({{ option }}), ' '){{ ', ' if not loop.last }}{%- endfor -%}
    ){% endif %}
    then {{ selligent_told(column, told, 'not among the options of the field') }}
  {%- endif %}
{% endmacro %}

{% macro selligent_told(column, told, reason) -%}
  {% if told == 'field' %}{{ column.label }}{% else %}'{{ reason }}'{% endif %}
{%- endmacro %}

{% macro selligent_utf16_units(value) -%}
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
  md5(cast(json_array(
    {%- for column in columns %}{{ column.label }}, {% endfor -%}
    {%- for column in columns -%}
      {{ selligent_json_value(column, alias ~ '.' ~ column.name) }}{{ ', ' if not loop.last }}
    {%- endfor -%}
  ) as varchar))
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

{# The number of a staged row: rows are staged once, and their numbers rise in the order of staging. #}
{% macro selligent_number(alias) %}
  {{- adapter.dispatch('selligent_number', 'dbt_selligent')(alias) -}}
{% endmacro %}

{% macro duckdb__selligent_number(alias) -%} {{ alias }}.rowid {%- endmacro %}

{% macro default__selligent_number(alias) -%} {{ alias }}._selligent_n {%- endmacro %}

{# UTF-16 units of the longest text of each of some columns, which come quoted. #}
{% macro selligent_longest(relation, columns) %}
select
  {%- for column in columns %} max({{ selligent_utf16_units(column) }}){{ ',' if not loop.last }}{% endfor %}
from {{ relation }}
{% endmacro %}
