{#
  How the state's tables change. `state` maps their names to those in SQL. Each macro gives one
  statement, with a semicolon and a line end behind it.
#}

{% macro selligent_delete(state, table, alias, condition) %}
delete from {{ state[table] }} as {{ alias }} where {{ condition }};
{% endmacro %}

{# `columns` are all of the table, as SQL names them, in its order, which is that of the query too. #}
{% macro selligent_insert(state, table, columns, query) %}
insert into {{ state[table] }} ({{ columns }})
{{ query }};
{% endmacro %}

{# `values` maps the columns that change to their values. #}
{% macro selligent_update(state, table, alias, columns, values, condition) %}
update {{ state[table] }} as {{ alias }} set {% for name, value in values.items() %}{{ name }} = {{ value }}{{ ', ' if not loop.last }}{% endfor %}
where {{ condition }};
{% endmacro %}

{# A table of the state, new or in place of the one that was there, with the rows of a query. #}
{% macro selligent_replace(state, table, query) %}
create or replace table {{ state[table] }} as
{{ query }};
{% endmacro %}

{# Nothing of the table is left. #}
{% macro selligent_forget(state, table) %}
drop table if exists {{ state[table] }};
{% endmacro %}

{# An empty table of the state; `columns` is what stands between the brackets. #}
{% macro selligent_create(state, table, columns) %}
create table {{ state[table] }} ({{ columns }});
{% endmacro %}

{% macro selligent_create_as(target) -%}
create table {{ target }} as
{%- endmacro %}

{# A table that is gone with the session that needs it. #}
{% macro selligent_create_scratch(target) -%}
create or replace temp table {{ target }} as
{%- endmacro %}

{# Rows of literals, each a list of values in SQL, as a query; none of it where there are none. #}
{% macro selligent_values(names, rows) %}
{%- for row in rows %}
select {% for name in names %}{{ row[loop.index0] }} as {{ name }}{{ ', ' if not loop.last }}{% endfor %}
{%- if not loop.last %} union all{% endif %}
{%- endfor %}
{% endmacro %}
