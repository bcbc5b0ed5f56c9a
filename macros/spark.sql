{# What Spark says in its own way; see columns.sql. The tool sets the session's time zone to UTC. #}

{% macro spark__selligent_text_type() -%} string {%- endmacro %}

{#
  The text of a real is not the shortest in every Java: as few digits, from six on, as make it again.
#}
{% macro spark__selligent_from_real(column) %}
  {#- Of null, format_string() makes 'null'. -#}
  case
  {%- for digits in range(5, 8) %}
    when try_cast(format_string('%.{{ digits }}e', {{ column.source }}) as float) = {{ column.source }} then cast(format_string('%.{{ digits }}e', {{ column.source }}) as double) + 0
  {%- endfor %}
    when {{ column.source }} is not null then cast(format_string('%.8e', {{ column.source }}) as double) end
{% endmacro %}

{# floor() gives a bigint here, which not every double fits in; rint() gives a double. #}
{% macro spark__selligent_whole(value) -%} rint({{ value }}) {%- endmacro %}

{#
  Java rounds the shortest decimal that makes the double, and not the double: one that ends with a 5
  behind the last digit is always rounded up.
#}
{% macro spark__selligent_rounded_far(value, digits) -%}
  else try_cast(format_string('%.{{ digits - 1 }}e', {{ value }}) as double)
{%- endmacro %}

{% macro spark__selligent_settled_time(column) -%} {{ selligent_to_millisecond(selligent_in_utc(column)) }} {%- endmacro %}

{% macro spark__selligent_in_utc(column) %}
  {%- if column.origin == 'zoned_time' -%} {{ column.source }}
  {%- else -%}
    {%- set type = 'date' if column.origin == 'date' else 'timestamp_ntz' -%}
    case when {{ column.source }} not between cast('0000-01-01' as {{ type }}) and cast('+10000-12-31' as {{ type }})
         then timestamp '+10000-01-01 00:00:00' else {{ selligent_from_zone_java(column) }} end
  {%- endif -%}
{% endmacro %}

{#
  Of the hour that there is twice when clocks are set back, Java takes the first, other engines the
  second: the one that is right by the offset of the next day.
#}
{% macro selligent_from_zone_java(column) %}
  {%- set given = 'cast(' ~ column.source ~ ' as timestamp)' -%}
  {%- set next_day = 'to_utc_timestamp(' ~ given ~ " + interval '1' day, " ~ column.zone ~ ") - interval '1' day" -%}
  {%- if column.zone == "'UTC'" -%} {{ given }}
  {%- else -%}
    case when from_utc_timestamp({{ next_day }}, {{ column.zone }}) = {{ given }} then {{ next_day }}
         else to_utc_timestamp({{ given }}, {{ column.zone }}) end
  {%- endif -%}
{% endmacro %}

{% macro spark__selligent_folded(text) -%} rtrim(lower({{ text }})) {%- endmacro %}

{% macro spark__selligent_utf16_units(value) -%} octet_length(encode({{ value }}, 'UTF-16BE')) div 2 {%- endmacro %}

{% macro spark__selligent_tried(value, old_type, new_type, old_family, new_family) %}
  {%- if old_family == 'text' and new_family in ('date', 'time') -%}
    case when {{ value }} rlike '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?Z?)?$' and {{ value }} not like '0000%'
         then try_cast({{ 'substr(' ~ value ~ ', 1, 10)' if new_family == 'date' else value }} as {{ new_type }}) end
  {%- elif old_family == 'text' and new_family == 'integer' -%} try_cast(try_cast({{ value }} as decimal(38,0)) as {{ new_type }})
  {%- elif new_family == 'integer' and old_family == 'float' -%}
    {#- The double next to the largest bigint would be taken for it. -#}
    case when {{ value }} < 9.223372036854775808e18 then try_cast(rint({{ value }}) as {{ new_type }}) end
  {%- elif new_family == 'integer' -%} try_cast(round({{ value }}) as {{ new_type }})
  {%- else -%} try_cast({{ value }} as {{ new_type }})
  {%- endif -%}
{% endmacro %}

{# Of a partitioned table, rows about its partitions follow: the first of them has no type. #}
{% macro spark__selligent_relation_columns(relation, named, database, schema, identifier) %}
describe table {{ relation }}
{% endmacro %}

{#
  Claims to locks are properties of a table without rows: (name, value), quoted strings. Neither these
  statements nor that of the time are a job, which might wait for another. The table is parquet whatever
  others are: of other formats a catalog may remember what it had read.
#}
{% macro spark__selligent_create_locks(target, types) %}
create table {{ target }} (nothing {{ types.text }}) using parquet
{% endmacro %}

{% macro selligent_set_properties(target, properties) %}
alter table {{ target }} set tblproperties ({% for name, value in properties %}{{ name }} = {{ value }}{{ ', ' if not loop.last }}{% endfor %})
{% endmacro %}

{% macro selligent_unset_property(target, name) %}
alter table {{ target }} unset tblproperties if exists ({{ name }})
{% endmacro %}

{% macro selligent_properties(target) %}
show tblproperties {{ target }}
{% endmacro %}

{% macro spark__selligent_now() %}
select * from (values (unix_timestamp())) as given (now)
{% endmacro %}

{% macro spark__selligent_tables(named, schema, prefix) %}
show tables in {{ named }} like {{ prefix[:-1] }}*'
{% endmacro %}

{% macro spark__selligent_find_schema(schema) %}
show schemas like {{ schema }}
{% endmacro %}

{# A property is written without a job. #}
{% macro spark__selligent_point(target, tables) %}
create table {{ target }} (nothing string) using parquet tblproperties ('selligent.tables' = {{ tables }})
{% endmacro %}

{% macro spark__selligent_pointed(target) %}
show tblproperties {{ target }} ('selligent.tables')
{% endmacro %}
