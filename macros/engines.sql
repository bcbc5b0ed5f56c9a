{# What is no matter of columns or of the state's tables, and differs from engine to engine. #}

{# What a session is to be like. #}
{% macro selligent_session() %}
  {{- adapter.dispatch('selligent_session', 'dbt_selligent')() -}}
{% endmacro %}

{% macro default__selligent_session() %}{% endmacro %}

{# Whatever a role or a database has set: texts of floats and of types are as they are elsewhere. Of what is dropped nothing is said. #}
{% macro postgres__selligent_session() %}
set time zone 'UTC';
set standard_conforming_strings = on;
set default_transaction_isolation = 'read committed';
set extra_float_digits = 1;
set quote_all_identifiers = off;
set client_min_messages = warning;
{% endmacro %}

{# All of a transaction sees the tables as they were when it began. #}
{% macro selligent_freeze() %}
set transaction isolation level repeatable read;
{{ selligent_leave_nobody_waiting() }}
{% endmacro %}

{#
  A transaction of a name waits for others of that name: `name` is a quoted string. Whoever leaves his
  open is put out, and does not keep others waiting.
#}
{% macro selligent_fence(name) %}
{{ selligent_leave_nobody_waiting() }},
  pg_advisory_xact_lock(hashtextextended({{ name }}, 0))
{% endmacro %}

{% macro selligent_leave_nobody_waiting() -%}
select set_config('idle_in_transaction_session_timeout', '60s', true)
{%- endmacro %}

{# Seconds since 1970, by the engine's clock, which all machines have in common. #}
{% macro selligent_epoch() %}
  {{- adapter.dispatch('selligent_epoch', 'dbt_selligent')() -}}
{% endmacro %}

{% macro default__selligent_epoch() -%} cast(extract(epoch from current_timestamp) as bigint) {%- endmacro %}

{% macro postgres__selligent_epoch() -%} cast(extract(epoch from clock_timestamp()) as bigint) {%- endmacro %}

{% macro selligent_now() %}
  {{- adapter.dispatch('selligent_now', 'dbt_selligent')() -}}
{% endmacro %}

{% macro default__selligent_now() %}
select {{ selligent_epoch() }} as now
{% endmacro %}

{#
  The tables of a schema whose names begin with a prefix: `named` is the schema in SQL, `schema` the
  same, and `prefix`, as quoted strings.
#}
{% macro selligent_tables(named, schema, prefix) %}
  {{- adapter.dispatch('selligent_tables', 'dbt_selligent')(named, schema, prefix) -}}
{% endmacro %}

{% macro default__selligent_tables(named, schema, prefix) %}
select table_name from information_schema.tables
where table_schema = {{ schema }} and substr(table_name, 1, length({{ prefix }})) = {{ prefix }}
order by 1
{% endmacro %}

{% macro selligent_create_schema(named) %}
create schema if not exists {{ named }}
{% endmacro %}

{# A row if there is a schema of this name, a quoted string. #}
{% macro selligent_find_schema(schema) %}
  {{- adapter.dispatch('selligent_find_schema', 'dbt_selligent')(schema) -}}
{% endmacro %}

{% macro default__selligent_find_schema(schema) %}
select schema_name from information_schema.schemata where schema_name = {{ schema }}
{% endmacro %}

{#
  Locks. Whoever wants one claims it, and then looks who else does: one who sees another's claim takes
  back his own. So two never have it, whatever the order, if a row that was written is seen from then
  on. A claim ends when it is released, or some time after it was last renewed. Rows are only added,
  each day to another table, so that what is over can be dropped.
#}
{% macro selligent_create_locks(target, types) %}
  {{- adapter.dispatch('selligent_create_locks', 'dbt_selligent')(target, types) -}}
{% endmacro %}

{% macro default__selligent_create_locks(target, types) %}
create table {{ target }} (claim {{ types.text }}, what {{ types.text }}, holder {{ types.text }},
  expires {{ types.integer }}, released {{ types.boolean }}){{ selligent_format() }}
{% endmacro %}

{# `claims` are triples of quoted strings: claim, what and holder. #}
{% macro selligent_claim(target, claims, seconds, released) %}
insert into {{ target }} (claim, what, holder, expires, released)
{%- for claim in claims %}
select {{ claim | join(', ') }}, {{ selligent_epoch() }} + {{ seconds }}, {{ released }}
{{- ' union all' if not loop.last }}
{%- endfor %}
{% endmacro %}

{# The claims that hold, with their holders, and for how many seconds more. #}
{% macro selligent_claims(tables, what) %}
select claim, max(holder) as holder, max(expires) - {{ selligent_epoch() }} as seconds
from (
  {%- for table in tables %}
  select claim, what, holder, expires, released from {{ table }}{{ ' union all' if not loop.last }}
  {%- endfor %}
) as locks
where what = {{ what }}
group by claim
having max(expires) > {{ selligent_epoch() }} and max(case when released then 1 else 0 end) = 0
order by 1
{% endmacro %}

{# The states of a schema: which tables are whose. The newest line of a prefix counts. #}
{% macro selligent_create_registry(target, types) %}
create table {{ target }} (prefix {{ types.text }}, destination {{ types.text }}, name {{ types.text }}, line {{ types.integer }}){{ selligent_format() }}
{% endmacro %}

{% macro selligent_register(target, prefix, destination, name, line) %}
insert into {{ target }} (prefix, destination, name, line)
select {{ prefix }}, {{ destination }}, {{ name }}, {{ line }}
{% endmacro %}

{#
  A pointer to the versions of a state's tables that count: a table that is made at once, and whole.
  `tables` is a quoted string, which is the last column of what `selligent_pointed` finds.
#}
{% macro selligent_point(target, tables) %}
  {{- adapter.dispatch('selligent_point', 'dbt_selligent')(target, tables) -}}
{% endmacro %}

{% macro default__selligent_point(target, tables) %}
create table {{ target }} as select {{ tables }} as tables
{% endmacro %}

{% macro selligent_pointed(target) %}
  {{- adapter.dispatch('selligent_pointed', 'dbt_selligent')(target) -}}
{% endmacro %}

{% macro default__selligent_pointed(target) %}
select tables from {{ target }}
{% endmacro %}
