{# What Snowflake says in its own way, by its manual; never tried on the engine. See columns.sql. #}

{% macro snowflake__selligent_log10(value) -%} log(10, {{ value }}) {%- endmacro %}

{% macro snowflake__selligent_in_utc(column) %}
  {%- if column.origin == 'zoned_time' -%} cast(convert_timezone('UTC', {{ column.source }}) as {{ column.type }})
  {%- elif column.zone == "'UTC'" -%} cast({{ column.source }} as {{ column.type }})
  {%- else -%} convert_timezone({{ column.zone }}, 'UTC', cast({{ column.source }} as {{ column.type }}))
  {%- endif -%}
{% endmacro %}

{# In UTF-8, in pairs of hexadecimal digits, what counts two begins with F0 to F4. #}
{% macro snowflake__selligent_utf16_units(value) -%}
  length({{ value }}) + regexp_count(regexp_replace(hex_encode({{ value }}), '(..)', '\\1 '), 'F[0-4] ')
{%- endmacro %}

{# A cast would follow the session's formats. #}
{% macro snowflake__selligent_as_text(family, value) %}
  {%- if family == 'text' -%} {{ value }}
  {%- elif family == 'date' -%} to_char({{ value }}, 'YYYY-MM-DD')
  {%- elif family == 'time' -%} to_char({{ value }}, 'YYYY-MM-DD HH24:MI:SS.FF6')
  {%- else -%} cast({{ value }} as varchar)
  {%- endif -%}
{% endmacro %}

{# Only texts are tried. #}
{% macro snowflake__selligent_tried(value, old_type, new_type, old_family, new_family) -%}
  try_cast({{ selligent_as_text(old_family, value) }} as {{ new_type }})
{%- endmacro %}

{# The information schema is one of the database. #}
{% macro snowflake__selligent_relation_columns(relation, named, database, schema, identifier) %}
select column_name,
  case when data_type = 'NUMBER' then data_type || '(' || numeric_precision || ',' || numeric_scale || ')'
       else data_type end as data_type
from "{{ database[1:-1] | replace("''", "'") | replace('\\\\', '\\') | replace('"', '""') }}".information_schema.columns
where table_schema = {{ schema }} and table_name = {{ identifier }}
order by ordinal_position
{% endmacro %}

{% macro snowflake__selligent_epoch() -%} date_part(epoch_second, current_timestamp()) {%- endmacro %}
