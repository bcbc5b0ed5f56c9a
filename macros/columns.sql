{#
  One column of an activation, in SQL. A `column` has
    name    the field, a quoted identifier, as it is called in every table of the tool
    source  the model's column, a quoted identifier
    family  boolean | integer | huge | decimal | real | float | text | date | time | zoned_time
    type    the SQL type of its settled value
    label   the field as a quoted SQL string
    zone    of times without zone, a quoted SQL string
#}

{# The value as it is sent: what the snapshot holds and the diff compares, never an implicit cast. #}
{% macro selligent_settled(column) %}
  {{- adapter.dispatch('selligent_settled', 'dbt_selligent')(column) -}}
{% endmacro %}

{% macro default__selligent_settled(column) %}
  {%- if column.family == 'float' -%}
    {#- The last digits of a rebuilt sum are noise: 12 significant ones count. Whole numbers are
        exact up to 2^53, and may be identifiers, and + 0 makes -0 the 0 that it equals. round() is
        exact where the power of ten is, and many times faster than a way by text. -#}
    {%- set value = 'cast(' ~ column.source ~ ' as double)' -%}
    case when {{ value }} = trunc({{ value }}) and abs({{ value }}) <= 9007199254740992 then {{ value }} + 0
         when abs({{ value }}) between 1e-10 and 1e15
         then round({{ value }}, 11 - cast(floor(log10(abs({{ value }}))) as integer))
         else cast(format('{:.12g}', {{ value }}) as double) end
  {%- elif column.family == 'real' -%}
    {#- By way of text, so that 0.1 stays 0.1 and not 0.10000000149. -#}
    cast(cast({{ column.source }} as varchar) as double) + 0
  {%- elif column.family == 'time' -%}
    {%- if column.zone == "'UTC'" -%}
      date_trunc('millisecond', cast({{ column.source }} as timestamp))
    {%- else -%}
      date_trunc('millisecond',
        timezone('UTC', timezone({{ column.zone }}, cast({{ column.source }} as timestamp))))
    {%- endif -%}
  {%- elif column.family == 'zoned_time' -%}
    date_trunc('millisecond', timezone('UTC', {{ column.source }}))
  {%- else -%}
    cast({{ column.source }} as {{ column.type }})
  {%- endif -%}
{% endmacro %}

{# A settled key as keys are compared: Selligent looks at neither case nor trailing blanks. #}
{% macro selligent_canonical(column, value) %}
  {{- adapter.dispatch('selligent_canonical', 'dbt_selligent')(column, value) -}}
{% endmacro %}

{% macro default__selligent_canonical(column, value) %}
  {%- if column.family == 'text' -%} rtrim(lower({{ value }}), ' ') {%- else -%} {{ value }} {%- endif -%}
{% endmacro %}

{# Why a settled value cannot be sent, or null; an empty string where any value can. #}
{% macro selligent_unsendable(column, value) %}
  {{- adapter.dispatch('selligent_unsendable', 'dbt_selligent')(column, value) -}}
{% endmacro %}

{% macro default__selligent_unsendable(column, value) %}
  {%- if column.family == 'float' or column.family == 'real' -%}
    not isfinite({{ value }})
  {%- elif column.family == 'huge' -%}
    {{ value }} not between -9223372036854775808 and 9223372036854775807
  {%- elif column.family == 'date' -%}
    {{ value }} not between date '0001-01-01' and date '9999-12-31'
  {%- elif column.family in ('time', 'zoned_time') -%}
    {{ value }} not between timestamp '0001-01-01' and timestamp '9999-12-31 23:59:59.999'
  {%- endif -%}
{% endmacro %}

{% macro selligent_unsendable_reason(column) %}
  {%- if column.family in ('float', 'real') -%} 'not a finite number'
  {%- elif column.family == 'huge' -%} 'outside the range of 64 bits'
  {%- else -%} 'outside the years 1 to 9999' {%- endif -%}
{% endmacro %}

{# A settled value as an argument of json_array(). #}
{% macro selligent_json_value(column, value) %}
  {{- adapter.dispatch('selligent_json_value', 'dbt_selligent')(column, value) -}}
{% endmacro %}

{% macro default__selligent_json_value(column, value) %}
  {%- if column.family in ('time', 'zoned_time') -%}
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
