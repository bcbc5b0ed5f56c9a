{#
  How the state's tables change. `state` maps their names to those in SQL. Each macro gives one
  statement, with a semicolon and a line end behind it. Where an engine changes tables in place, within transactions that
  hold whatever is created too, a change is what it says. Everywhere else a change makes the table's
  next version: `state.next(table)` names it, and `state[table]` is that one from then on. A version
  counts when the pointer to it is made, see `selligent_point`; none is ever changed after that, but
  for rows that are appended.
#}

{% macro selligent_delete(state, table, alias, condition) %}
  {{- adapter.dispatch('selligent_delete', 'dbt_selligent')(state, table, alias, condition) -}}
{% endmacro %}

{% macro default__selligent_delete(state, table, alias, condition) %}
{%- set before = state[table] %}
{{ selligent_version(state.next(table)) }}
select {{ alias }}.* from {{ before }} as {{ alias }} where not ({{ condition }});
{% endmacro %}

{% macro duckdb__selligent_delete(state, table, alias, condition) %}
  {{- selligent_delete_in_place(state, table, alias, condition) -}}
{% endmacro %}

{% macro postgres__selligent_delete(state, table, alias, condition) %}
  {{- selligent_delete_in_place(state, table, alias, condition) -}}
{% endmacro %}

{% macro selligent_delete_in_place(state, table, alias, condition) %}
delete from {{ state[table] }} as {{ alias }} where {{ condition }};
{% endmacro %}

{# `columns` are all of the table, as SQL names them, in its order, which is that of the query too. #}
{% macro selligent_insert(state, table, columns, query) %}
  {{- adapter.dispatch('selligent_insert', 'dbt_selligent')(state, table, columns, query) -}}
{% endmacro %}

{% macro default__selligent_insert(state, table, columns, query) %}
{%- set before = state[table] %}
{{ selligent_version(state.next(table)) }}
select {{ columns }} from {{ before }}
union all
select {{ columns }} from ({{ query }}) as added;
{% endmacro %}

{% macro duckdb__selligent_insert(state, table, columns, query) %}
  {{- selligent_insert_in_place(state, table, columns, query) -}}
{% endmacro %}

{% macro postgres__selligent_insert(state, table, columns, query) %}
  {{- selligent_insert_in_place(state, table, columns, query) -}}
{% endmacro %}

{% macro selligent_insert_in_place(state, table, columns, query) %}
insert into {{ state[table] }} ({{ columns }})
{{ query }};
{% endmacro %}

{# `columns` are all of the table, by name in SQL; `values` maps those that change to their values. #}
{% macro selligent_update(state, table, alias, columns, values, condition) %}
  {{- adapter.dispatch('selligent_update', 'dbt_selligent')(state, table, alias, columns, values, condition) -}}
{% endmacro %}

{% macro default__selligent_update(state, table, alias, columns, values, condition) %}
{%- set before = state[table] %}
{{ selligent_version(state.next(table)) }}
select {% for name in columns -%}
  {%- if name in values %}{{ values[name] }} as {{ name }}{% else %}{{ alias }}.{{ name }}{% endif %}{{ ', ' if not loop.last }}
{%- endfor %}
from {{ before }} as {{ alias }} where {{ condition }}
union all
select {% for name in columns %}{{ alias }}.{{ name }}{{ ', ' if not loop.last }}{% endfor %}
from {{ before }} as {{ alias }} where not ({{ condition }});
{% endmacro %}

{% macro duckdb__selligent_update(state, table, alias, columns, values, condition) %}
  {{- selligent_update_in_place(state, table, alias, values, condition) -}}
{% endmacro %}

{% macro postgres__selligent_update(state, table, alias, columns, values, condition) %}
  {{- selligent_update_in_place(state, table, alias, values, condition) -}}
{% endmacro %}

{% macro selligent_update_in_place(state, table, alias, values, condition) %}
update {{ state[table] }} as {{ alias }} set {% for name, value in values.items() %}{{ name }} = {{ value }}{{ ', ' if not loop.last }}{% endfor %}
where {{ condition }};
{% endmacro %}

{# A table of the state, new or in place of the one that was there, with the rows of a query. #}
{% macro selligent_replace(state, table, query) %}
  {{- adapter.dispatch('selligent_replace', 'dbt_selligent')(state, table, query) -}}
{% endmacro %}

{% macro default__selligent_replace(state, table, query) %}
{{ selligent_version(state.next(table)) }}
{{ query }};
{% endmacro %}

{% macro duckdb__selligent_replace(state, table, query) %}
create or replace table {{ state[table] }} as
{{ query }};
{% endmacro %}

{% macro postgres__selligent_replace(state, table, query) %}
drop table if exists {{ state.spare(table) }};
create table {{ state.spare(table) }} as
{{ query }};
drop table if exists {{ state[table] }};
alter table {{ state.spare(table) }} rename to {{ state.bare(table) }};
{% endmacro %}

{# Nothing of the table is left. #}
{% macro selligent_forget(state, table) %}
  {{- adapter.dispatch('selligent_forget', 'dbt_selligent')(state, table) -}}
{% endmacro %}

{% macro default__selligent_forget(state, table) %}
{{ state.leave(table) }}
{% endmacro %}

{% macro duckdb__selligent_forget(state, table) %}
drop table if exists {{ state[table] }};
{% endmacro %}

{% macro postgres__selligent_forget(state, table) %}
drop table if exists {{ state[table] }};
{% endmacro %}

{# Rows that are durable at once, on every engine: nothing that is there changes. #}
{% macro selligent_append(state, table, columns, query) %}
insert into {{ state[table] }} ({{ columns }})
{{ query }};
{% endmacro %}

{# How the next version of a table is begun: here it is the table itself. #}
{% macro selligent_version(target) %}
  {{- adapter.dispatch('selligent_version', 'dbt_selligent')(target) -}}
{% endmacro %}

{% macro default__selligent_version(target) -%}
{{ selligent_create_as(target) }}
{%- endmacro %}

{# On Spark a version is planned as a view on the one before, and written once, when it counts. #}
{% macro spark__selligent_version(target) -%}
create or replace temporary view {{ target }} as
{%- endmacro %}

{% macro selligent_create_as(target) -%}
create table {{ target }}{{ selligent_format() }} as
{%- endmacro %}

{# Rows of literals, each a list of values in SQL, as a query; none of it where there are none. #}
{% macro selligent_values(names, rows) %}
  {{- adapter.dispatch('selligent_values', 'dbt_selligent')(names, rows) -}}
{% endmacro %}

{# Of many queries, each of a row, Spark would make many tasks, and many files. #}
{% macro spark__selligent_values(names, rows) %}
{%- if rows %}
select * from (values {% for row in rows %}({{ row | join(', ') }}){{ ', ' if not loop.last }}{% endfor %}) as rows_of({{ names | join(', ') }})
{%- endif %}
{% endmacro %}

{% macro default__selligent_values(names, rows) %}
{%- for row in rows %}
select {% for name in names %}{{ row[loop.index0] }} as {{ name }}{{ ', ' if not loop.last }}{% endfor %}
{%- if not loop.last %} union all{% endif %}
{%- endfor %}
{% endmacro %}

{# An empty table of the state; `columns` is what stands between the brackets. #}
{% macro selligent_create(state, table, columns) %}
create table {{ state.fresh(table) }} ({{ columns }}){{ selligent_format() }};
{% endmacro %}

{% macro selligent_format() %}
  {{- adapter.dispatch('selligent_format', 'dbt_selligent')() -}}
{% endmacro %}

{% macro default__selligent_format() %}{% endmacro %}

{% macro spark__selligent_format() %} using parquet{% endmacro %}

{# A table that is gone with the transaction, or the session, that needs it. #}
{% macro selligent_create_scratch(target) %}
  {{- adapter.dispatch('selligent_create_scratch', 'dbt_selligent')(target) -}}
{% endmacro %}

{% macro default__selligent_create_scratch(target) -%}
{{ selligent_create_as(target) }}
{%- endmacro %}

{% macro duckdb__selligent_create_scratch(target) -%}
create or replace temp table {{ target }} as
{%- endmacro %}

{# A version that was planned, as a table; `small` if it has few rows. #}
{% macro selligent_write(target, version, small) %}
{{ selligent_create_as(target) }}
select {{ '/*+ COALESCE(1) */ ' if small }}* from {{ version }}
{% endmacro %}
