{# What BigQuery says in its own way, by its manual; never tried on the engine. See columns.sql. #}

{% macro bigquery__selligent_text_type() -%} string {%- endmacro %}

{# C's format, and no double beyond the largest. #}
{% macro bigquery__selligent_rounded_far(value, digits) -%}
  else coalesce(safe_cast(format('%.{{ digits - 1 }}e', {{ value }}) as float64), {{ value }})
{%- endmacro %}

{# An instant is within the years 1 to 9999 here, and is so in UTC. #}
{% macro bigquery__selligent_settled_time(column) %}
  {%- if column.origin == 'zoned_time' -%} {{ selligent_to_millisecond(selligent_in_utc(column)) }}
  {%- else -%} {{ default__selligent_settled_time(column) }}
  {%- endif -%}
{% endmacro %}

{% macro bigquery__selligent_to_millisecond(value) -%} datetime_trunc({{ value }}, millisecond) {%- endmacro %}

{% macro bigquery__selligent_in_utc(column) %}
  {%- if column.origin == 'zoned_time' -%} datetime({{ column.source }}, 'UTC')
  {%- elif column.zone == "'UTC'" -%} cast({{ column.source }} as datetime)
  {%- else -%} datetime(timestamp(cast({{ column.source }} as datetime), {{ column.zone }}), 'UTC')
  {%- endif -%}
{% endmacro %}

{% macro bigquery__selligent_utf16_units(value) -%}
  length({{ value }}) + length(regexp_replace({{ value }}, r'[^\x{10000}-\x{10FFFF}]', ''))
{%- endmacro %}

{% macro bigquery__selligent_bytes(value) -%} byte_length({{ value }}) {%- endmacro %}

{% macro bigquery__selligent_md5(text) -%} to_hex(md5({{ text }})) {%- endmacro %}

{# Precision and places stand where a column is defined, and nowhere else. #}
{% macro bigquery__selligent_cast_type(type) -%} {{ type.split('(')[0] }} {%- endmacro %}

{# A number that is rounded to its places is looked at once more, since that may make it too large. #}
{% macro bigquery__selligent_tried(value, old_type, new_type, old_family, new_family) %}
  {%- if '(' in new_type -%}
    {%- set digits, places = (new_type.split('(')[1].rstrip(')') ~ ',0').split(',')[:2] -%}
    {%- set tried = 'round(safe_cast(' ~ value ~ ' as bignumeric), ' ~ places | int ~ ')' -%}
    case when abs({{ tried }}) < bignumeric '1e{{ digits | int - places | int }}' then safe_cast({{ tried }} as {{ selligent_cast_type(new_type) }}) end
  {%- elif old_family == 'text' and new_family == 'integer' -%} safe_cast(safe_cast({{ value }} as bignumeric) as {{ new_type }})
  {%- else -%} safe_cast({{ value }} as {{ new_type }})
  {%- endif -%}
{% endmacro %}

{% macro bigquery__selligent_except() -%} except distinct {%- endmacro %}

{# The information schema is one of the dataset. #}
{% macro bigquery__selligent_relation_columns(relation, named, database, schema, identifier) %}
select column_name, data_type
from {{ selligent_bigquery_name(database) }}.{{ selligent_bigquery_name(schema) }}.INFORMATION_SCHEMA.COLUMNS
where table_name = {{ identifier }}
order by ordinal_position
{% endmacro %}

{# Neither projects nor datasets have a name with a mark that would have to be escaped. #}
{% macro selligent_bigquery_name(literal) -%} `{{ literal[1:-1] }}` {%- endmacro %}

{% macro bigquery__selligent_epoch() -%} unix_seconds(current_timestamp()) {%- endmacro %}

{# Each dataset has a table of its tables, and each region one of its datasets. #}
{% macro bigquery__selligent_tables(named, schema, prefix) %}
select table_name from {{ named }}.INFORMATION_SCHEMA.TABLES
where starts_with(table_name, {{ prefix }})
order by 1
{% endmacro %}
