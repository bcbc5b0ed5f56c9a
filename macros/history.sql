{#
  The history: tables that users' SQL reads, and a dbt source points at; nothing that the tool does
  hangs on them. Each has rows of all activations, and those of one are told after each of its runs.
  `owner` is its destination and its name, as quoted strings; `columns` maps the names of a table's
  columns, which are those of its queries too, to families of types. What was told to addresses of warnings
  is in such a table too.
#}

{% macro selligent_create_history(target, columns, types) %}
create table {{ target }} ({% for name, family in columns.items() %}{{ name }} {{ types[family] }}, {% endfor %}destination {{ types.text }}, activation {{ types.text }})
{{- selligent_by_owner() }}
{% endmacro %}

{% macro selligent_by_owner() %}
  {{- adapter.dispatch('selligent_by_owner', 'dbt_selligent')() -}}
{% endmacro %}

{% macro default__selligent_by_owner() -%} {{ selligent_format() }} {%- endmacro %}

{# Nothing is deleted there but partitions. #}
{% macro spark__selligent_by_owner() -%}
{{ selligent_format() }} partitioned by (destination, activation)
{%- endmacro %}

{# The rows of an activation, in place of those that it had. #}
{% macro selligent_retell(target, columns, owner, query) %}
  {{- adapter.dispatch('selligent_retell', 'dbt_selligent')(target, columns, owner, query) -}}
{% endmacro %}

{% macro default__selligent_retell(target, columns, owner, query) %}
{{ selligent_untell(target, owner) }}
{{ selligent_tell(target, columns, owner, query) }}
{% endmacro %}

{% macro spark__selligent_retell(target, columns, owner, query) %}
insert overwrite table {{ target }} partition ({{ selligent_partition(owner) }})
select /*+ COALESCE(1) */ {{ columns | join(', ') }} from ({{ query }}) as told;
{% endmacro %}

{# More rows of an activation. #}
{% macro selligent_tell(target, columns, owner, query) %}
  {{- adapter.dispatch('selligent_tell', 'dbt_selligent')(target, columns, owner, query) -}}
{% endmacro %}

{% macro default__selligent_tell(target, columns, owner, query) %}
insert into {{ target }} ({{ columns | join(', ') }}, destination, activation)
select {{ columns | join(', ') }}, {{ owner | join(', ') }} from ({{ query }}) as told;
{% endmacro %}

{% macro spark__selligent_tell(target, columns, owner, query) %}
insert into {{ target }} partition ({{ selligent_partition(owner) }})
select /*+ COALESCE(1) */ {{ columns | join(', ') }} from ({{ query }}) as told;
{% endmacro %}

{# No row of an activation. #}
{% macro selligent_untell(target, owner) %}
  {{- adapter.dispatch('selligent_untell', 'dbt_selligent')(target, owner) -}}
{% endmacro %}

{% macro default__selligent_untell(target, owner) %}
delete from {{ target }} where destination = {{ owner[0] }} and activation = {{ owner[1] }};
{% endmacro %}

{% macro spark__selligent_untell(target, owner) %}
alter table {{ target }} drop if exists partition ({{ selligent_partition(owner) }});
{% endmacro %}

{# One row if an activation has any of which the condition is true. #}
{% macro selligent_owned(target, owner, condition) %}
select 1 as one from {{ target }} where destination = {{ owner[0] }} and activation = {{ owner[1] }}{{ ' and ' ~ condition if condition }} limit 1
{% endmacro %}

{# Of the rows of an activation, those stay of which the condition `kept` is true; `passing` is a table for what is between. #}
{% macro selligent_prune(target, columns, owner, kept, passing) %}
  {{- adapter.dispatch('selligent_prune', 'dbt_selligent')(target, columns, owner, kept, passing) -}}
{% endmacro %}

{% macro default__selligent_prune(target, columns, owner, kept, passing) %}
delete from {{ target }} where destination = {{ owner[0] }} and activation = {{ owner[1] }} and not ({{ kept }});
{% endmacro %}

{# A table that is read cannot be written over. If it breaks off, the next one drops what is left. #}
{% macro spark__selligent_prune(target, columns, owner, kept, passing) %}
drop table if exists {{ passing }};
create table {{ passing }}{{ selligent_format() }} as
select {{ columns | join(', ') }} from {{ target }} where destination = {{ owner[0] }} and activation = {{ owner[1] }} and {{ kept }};
{{ spark__selligent_retell(target, columns, owner, 'select * from ' ~ passing) }}
drop table {{ passing }};
{% endmacro %}

{# The rows of an activation, which has some, are those of another, `to`, which has none. #}
{% macro selligent_hand_over(target, owner, to) %}
  {{- adapter.dispatch('selligent_hand_over', 'dbt_selligent')(target, owner, to) -}}
{% endmacro %}

{% macro default__selligent_hand_over(target, owner, to) %}
update {{ target }} set destination = {{ to[0] }}, activation = {{ to[1] }}
where destination = {{ owner[0] }} and activation = {{ owner[1] }};
{% endmacro %}

{% macro spark__selligent_hand_over(target, owner, to) %}
alter table {{ target }} partition ({{ selligent_partition(owner) }}) rename to partition ({{ selligent_partition(to) }});
{% endmacro %}

{% macro selligent_partition(owner) -%} destination = {{ owner[0] }}, activation = {{ owner[1] }} {%- endmacro %}

{# The same for DuckDB, which writes files: all rows of a query, with the owner. #}
{% macro selligent_with_owner(columns, owner, query) %}
select {{ columns | join(', ') }}, {{ owner[0] }} as destination, {{ owner[1] }} as activation
from ({{ query }}) as told
{% endmacro %}

{# All runs of a state. #}
{% macro selligent_runs_to_tell(state, columns, types) %}
select {% for name, family in columns.items() %}cast({{ name }} as {{ types[family] }}) as {{ name }}{{ ', ' if not loop.last }}{% endfor %}
from {{ state.runs }}
{% endmacro %}

{#
  The rows that are not in step, and why. Of the matching key, the values of its fields, in their order,
  as texts; `keys` are columns of these tables.
#}
{% macro selligent_rejected_to_tell(state, keys, types) %}
select case when _selligent_missing then 'not found' else 'rejected' end as kind, {{ selligent_key_texts(keys, types) }},
  _selligent_field as field, _selligent_code as reason, _selligent_message as message,
  cast(1 as {{ types.integer }}) as row_count, _selligent_first_seen as first_seen, _selligent_last_seen as last_seen
from {{ state.rejected }}
union all
select 'invalid' as kind, {{ selligent_key_texts(keys, types) }},
  _selligent_field as field, _selligent_reason as reason, {{ selligent_null(types.text) }} as message,
  _selligent_rows as row_count, {{ selligent_null(types.time) }} as first_seen, {{ selligent_null(types.time) }} as last_seen
from {{ state.invalid }}
{% endmacro %}

{% macro selligent_key_texts(keys, types) %}
  {%- for place in range(3) -%}
    {%- if place < keys | length %}cast({{ keys[place].name }} as {{ types.text }}) {%- else %}{{ selligent_null(types.text) }}{%- endif %} as key_{{ place + 1 }}{{ ', ' if not loop.last }}
  {%- endfor -%}
{% endmacro %}

{#
  For models of your own, on the tables above, or on a dbt source of them:
  `{{ '{{' }} dbt_selligent.selligent_runs(source('selligent', 'selligent_runs')) {{ '}}' }}`.
  One row for each run of each activation, its figures in columns. In a project of yours, dbt finds
  macros of the package by its name or by dispatch alone.
#}
{% macro selligent_runs(relation) %}
select destination, activation, run_id, started_at, finished_at, status, dbt_target,
{%- for name in ('rows', 'unchanged', 'new', 'changed', 'invalid', 'held', 'not_found', 'in_doubt', 'confirmed', 'rejected', 'removed', 'not_sent', 'not_removed', 'requests') %}
  {{ adapter.dispatch('selligent_figure', 'dbt_selligent')('counts', name) }} as {{ 'model_rows' if name == 'rows' else name ~ '_rows' if name != 'requests' else name }},
{%- endfor %}
  error, forced
from {{ relation }}
{% endmacro %}

{# A number in a text of JSON. #}
{% macro default__selligent_figure(column, name) -%} cast(json_value({{ column }}, '$.{{ name }}') as bigint) {%- endmacro %}

{% macro duckdb__selligent_figure(column, name) -%} cast(json_extract_string({{ column }}, '$.{{ name }}') as bigint) {%- endmacro %}

{% macro postgres__selligent_figure(column, name) -%} cast(cast({{ column }} as json) ->> '{{ name }}' as bigint) {%- endmacro %}

{% macro spark__selligent_figure(column, name) -%} cast(get_json_object({{ column }}, '$.{{ name }}') as bigint) {%- endmacro %}

{% macro snowflake__selligent_figure(column, name) -%} cast(get_path(parse_json({{ column }}), '{{ name }}') as bigint) {%- endmacro %}

{% macro bigquery__selligent_figure(column, name) -%} cast(json_value({{ column }}, '$.{{ name }}') as int64) {%- endmacro %}
