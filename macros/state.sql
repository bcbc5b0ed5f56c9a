{#
  The state's tables, and how the outcome of a run goes into them: `state` maps their names to those in
  SQL, see changes.sql. `types` are the engine's types by family. `spans` is a table of
  (_selligent_kind, _selligent_mask, first_n, last_n, outcome): rows of the delta by kind, mask and
  number, and what is known of them: what was done with them (record | member | removal), and whether
  an answer accounted for it (answered) or none did (in doubt).
#}

{# The tables that are there before anything is known of a list. #}
{% macro selligent_create_base(state, types, version, at) %}
{{ selligent_create(state, 'migrations', 'version ' ~ types.integer ~ ', applied_at ' ~ types.time) }}
{{ selligent_append(state, 'migrations', 'version, applied_at', 'select ' ~ version ~ ', ' ~ at) }}
{{ selligent_create(state, 'meta', 'name ' ~ types.text ~ ', value ' ~ types.text) }}
{{ selligent_create(state, 'log', 'run_id ' ~ types.text ~ ', _selligent_group ' ~ types.integer
  ~ ', first_n ' ~ types.integer ~ ', last_n ' ~ types.integer ~ ', outcome ' ~ types.text) }}
{{ selligent_create(state, 'runs', 'run_id ' ~ types.text ~ ', started_at ' ~ types.time
  ~ ', finished_at ' ~ types.time ~ ', status ' ~ types.text ~ ', dbt_target ' ~ types.text
  ~ ', counts ' ~ types.text ~ ', error ' ~ types.text ~ ', forced ' ~ types.text) }}
{% endmacro %}

{% macro selligent_create_state(state, keys, columns, types) %}
{{ selligent_create(state, 'snapshot', selligent_typed(columns)) }}
{{ selligent_create(state, 'doubt', selligent_typed(keys)) }}
{{ selligent_create(state, 'rejected', selligent_typed(keys) ~ ', _selligent_hash ' ~ types.text
  ~ ', _selligent_field ' ~ types.text ~ ', _selligent_code ' ~ types.text
  ~ ', _selligent_message ' ~ types.text ~ ', _selligent_first_seen ' ~ types.time
  ~ ', _selligent_last_seen ' ~ types.time ~ ', _selligent_missing ' ~ types.boolean) }}
{{ selligent_create(state, 'invalid', selligent_typed(keys) ~ ', _selligent_field ' ~ types.text
  ~ ', _selligent_reason ' ~ types.text ~ ', _selligent_rows ' ~ types.integer) }}
{% endmacro %}

{% macro selligent_typed(columns) %}
  {%- for column in columns -%}{{ column.name }} {{ column.type }}{{ ', ' if not loop.last }}{%- endfor -%}
{% endmacro %}

{# The columns of a table beside its keys, by name. #}
{% macro selligent_rejected_names(keys) -%}
  {{ selligent_names(keys) }}, _selligent_hash, _selligent_field, _selligent_code,
  _selligent_message, _selligent_first_seen, _selligent_last_seen, _selligent_missing
{%- endmacro %}

{% macro selligent_invalid_names(keys) -%}
  {{ selligent_names(keys) }}, _selligent_field, _selligent_reason, _selligent_rows
{%- endmacro %}

{#
  A value in another type where that loses nothing, else null; `old` and `new` are columns. Of a `case`,
  an engine may not know the digits of a decimal.
#}
{% macro selligent_lossless(old, new) %}
  {%- if old.type == new.type -%} {{ new.name }} {%- else -%}
    {%- set there = selligent_try_cast(new.name, old.type, new.type, old.family, new.family) -%}
    cast(case when {{ selligent_try_cast(there, new.type, old.type, new.family, old.family) }} is not distinct from {{ new.name }}
         then {{ there }} end as {{ selligent_cast_type(new.type) }})
  {%- endif -%}
{% endmacro %}

{#
  The state's tables in the columns that the mapping has now. `old` maps the names of the snapshot's
  columns to these columns, `tables` those that have the keys beside it to their other columns. A row of
  which a value has no equal in the new type is in doubt.
#}
{% macro selligent_reshape_state(state, keys, columns, old, tables) %}
{%- for table, others in tables.items() %}
{{ selligent_replace(state, table, selligent_reshaped(state, table, keys, old, others)) }}
{%- endfor %}
{{ selligent_insert(state, 'doubt', selligent_names(keys), selligent_without_equal(state, keys, columns, old)) }}
{{ selligent_replace(state, 'snapshot', selligent_reshaped_snapshot(state, columns, old)) }}
{% endmacro %}

{% macro selligent_reshaped(state, table, keys, old, others) %}
select {% for key in keys %}{{ selligent_lossless(old[key.name], key) }} as {{ key.name }}{{ ', ' if not loop.last }}{% endfor -%}
{%- for name in others %}, {{ name }}{% endfor %}
from {{ state[table] }}
{%- if table != 'invalid' %}
where {{ selligent_keys_kept(keys, old) }}
{%- endif %}
{% endmacro %}

{% macro selligent_without_equal(state, keys, columns, old) %}
select {% for key in keys %}{{ selligent_lossless(old[key.name], key) }} as {{ key.name }}{{ ', ' if not loop.last }}{% endfor %}
from {{ state.snapshot }}
where ({{ selligent_has_no_equal(columns, old) }}) and {{ selligent_keys_kept(keys, old) }}
{% endmacro %}

{% macro selligent_reshaped_snapshot(state, columns, old) %}
select
  {%- for column in columns %}
  {% if column.name in old -%}
  {{ selligent_lossless(old[column.name], column) }}
  {%- else -%} {{ selligent_null(column.type) }} {%- endif %} as {{ column.name }}{{ ',' if not loop.last }}
  {%- endfor %}
from {{ state.snapshot }}
where not ({{ selligent_has_no_equal(columns, old) }})
{% endmacro %}

{# A key without an equal in its new type is another key: its row is new, under that one. #}
{% macro selligent_keys_kept(keys, old) %}
  {%- for key in keys -%}
    {{ selligent_lossless(old[key.name], key) }} is not null{{ ' and ' if not loop.last }}
  {%- endfor -%}
{% endmacro %}

{% macro selligent_has_no_equal(columns, old) %}
  {%- for column in columns if column.name in old and old[column.name].type != column.type -%}
    ({{ column.name }} is not null and {{ selligent_lossless(old[column.name], column) }} is null) or{{ ' ' }}
  {%- endfor -%}
  false
{%- endmacro %}

{#
  What a new delta says of the state before anything is sent. `tables` are those of it that have rows,
  `forgotten` the kinds of rows, that left the model, to be forgotten; `invalid` if there are rows that
  cannot be sent, and `keyless`, of those without a key, which are not in the delta: field, reason and
  number, each in SQL. What has nothing to change is not touched: an engine may write all of a table anew.
  In a full refresh, what is sent again is in doubt before; a row that is not sent stays as it was confirmed.
#}
{% macro selligent_begin(state, delta, keys, columns, forgotten, tables, invalid, full_refresh, seen, keyless=()) %}
{%- if forgotten %}
{%- for table in tables if table in ('snapshot', 'doubt', 'adopted') %}
{{ selligent_delete(state, table, 'kept', selligent_in_delta(delta, keys, forgotten)) }}
{%- endfor %}
{%- endif %}
{%- if 'rejected' in tables %}
{{ selligent_delete(state, 'rejected', 'kept', 'not ' ~ selligent_in_delta(delta, keys, ("'held'", "'missing'"))) }}
{{ selligent_touch_held(state, keys, seen) }}
{%- endif %}
{%- if full_refresh %}
{%- set again = 'not ' ~ selligent_in_delta(delta, keys, ("'invalid'", "'doubled'")) if invalid else 'true' %}
{{ selligent_insert(state, 'doubt', selligent_names(keys), 'select ' ~ selligent_names(keys, 'kept') ~ ' from ' ~ state.snapshot ~ ' as kept where ' ~ again) }}
{{ selligent_delete(state, 'snapshot', 'kept', again) }}
{%- endif %}
{%- if 'invalid' in tables %}
{{ selligent_delete(state, 'invalid', 'kept', 'true') }}
{%- endif %}
{%- if invalid %}
{{ selligent_insert(state, 'invalid', selligent_invalid_names(keys), selligent_invalid_rows(delta, keys, columns, keyless)) }}
{%- endif %}
{% endmacro %}

{% macro selligent_in_delta(delta, keys, kinds) -%}
  exists (select 1 from {{ delta }} as staged
    where staged._selligent_kind in ({{ kinds | join(', ') }}) and {{ selligent_same_key(keys, 'kept', 'staged') }})
{%- endmacro %}

{% macro selligent_invalid_rows(delta, keys, columns, keyless) %}
{#- Keys as they are written: of one that stands twice, each spelling is told. #}
select {{ selligent_names(keys) }}, _selligent_field, _selligent_reason, count(*) as _selligent_rows
from (
  select {{ selligent_names(keys, 'delta') }},
    {{ selligent_invalid(keys, columns, 'delta') }}
  from {{ delta }} as delta where _selligent_kind in ('invalid', 'doubled')) as wrong
group by {{ selligent_names(keys) }}, _selligent_field, _selligent_reason
{%- if keyless %}
union all
select {% for key in keys %}{{ selligent_null(key.type) }}, {% endfor %}{{ keyless | join(', ') }}
{%- endif %}
{% endmacro %}

{# Rows of which so much is known; but for those that were refused, where `accepted`. #}
{% macro selligent_rows_in(state, delta, spans, outcome, keys, columns, accepted) %}
  select {{ selligent_names(columns, 'delta') }}
  from {{ delta }} as delta
  join {{ spans }} as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and {{ selligent_number('delta') }} between span.first_n and span.last_n
  where span.outcome = '{{ outcome }}'
  {%- if accepted %}
  and not exists (select 1 from {{ state.rejected }} as refused
    where {{ selligent_same_key(keys, 'delta', 'refused') }})
  {%- endif %}
{% endmacro %}

{#
  The outcome of a run, all of it or nothing: to be run in one transaction. `tables` are those of
  snapshot, doubt, rejected and adopted that have rows, `outcomes` those that the spans have.
#}
{% macro selligent_settle(state, delta, spans, keys, columns, member, tables, outcomes) %}
{%- set refused = 'rejected' in tables %}
{%- if refused %}
{#- Of a refused row it is known that it was not taken, not that the record is as it was before. #}
{{ selligent_insert(state, 'doubt', selligent_names(keys), selligent_confirmed_refused(state, keys)) }}
{{ selligent_delete(state, 'snapshot', 'old', selligent_in_table(state.rejected, keys, 'old')) }}
{#- Of one that was not found, that there is no record. #}
{{ selligent_delete(state, 'doubt', 'old', selligent_in_table(state.rejected, keys, 'old', 'found._selligent_missing')) }}
{%- endif %}
{%- for outcome in ('record answered', 'record in doubt', 'removal answered', 'removal in doubt') if outcome in outcomes %}
{#- What was adopted is so until a send of it was confirmed. #}
{%- for table in tables if table in ('snapshot', 'doubt') or (table == 'adopted' and 'answered' in outcome) %}
{{ selligent_delete(state, table, 'old', selligent_among('old', keys, selligent_rows_in(state, delta, spans, outcome, keys, keys, refused))) }}
{%- endfor %}
{%- if outcome == 'record answered' %}
{{ selligent_insert(state, 'snapshot', selligent_names(columns), selligent_rows_in(state, delta, spans, outcome, keys, columns, refused)) }}
{%- elif outcome != 'removal answered' %}
{{ selligent_insert(state, 'doubt', selligent_names(keys), selligent_rows_in(state, delta, spans, outcome, keys, keys, refused)) }}
{%- endif %}
{%- endfor %}
{{ selligent_settle_members(state, delta, spans, keys, columns, member, outcomes) }}
{% endmacro %}

{% macro selligent_confirmed_refused(state, keys) %}
select {{ selligent_names(keys, 'old') }} from {{ state.snapshot }} as old
where {{ selligent_in_table(state.rejected, keys, 'old') }}
and not {{ selligent_in_table(state.doubt, keys, 'old') }}
{% endmacro %}

{# Whether the key of a row stands in a table. #}
{% macro selligent_in_table(table, keys, alias, condition='') -%}
  exists (select 1 from {{ table }} as found where {{ condition ~ ' and ' if condition }}{{ selligent_same_key(keys, alias, 'found') }})
{%- endmacro %}

{# The same, of a query. #}
{% macro selligent_among(alias, keys, query) -%}
  exists (select 1 from ({{ query }}) as added where {{ selligent_same_key(keys, alias, 'added') }})
{%- endmacro %}

{# After the records: whether they are members, null where that is in doubt. #}
{% macro selligent_settle_members(state, delta, spans, keys, columns, member, outcomes) %}
{%- for outcome, value in (('member answered', 'true'), ('member in doubt', 'null')) if outcome in outcomes %}
{{ selligent_update(state, 'snapshot', 'record', columns | map(attribute='name') | list, {member[0].name: 'cast(' ~ value ~ ' as ' ~ member[0].type ~ ')'},
  selligent_among('record', keys, selligent_rows_in(state, delta, spans, outcome, keys, keys, false))) }}
{%- endfor %}
{% endmacro %}

{# Who is a member of another segment than before is in doubt. #}
{% macro selligent_forget_members(state, columns, member) %}
{{ selligent_update(state, 'snapshot', 'record', columns | map(attribute='name') | list, {member[0].name: selligent_null(member[0].type)}, 'true') }}
{% endmacro %}

{# The snapshot that a first sync comes to if all its rows are confirmed, and which rows these are. #}
{% macro selligent_incoming(state, delta, columns) %}
create or replace table {{ state.incoming }} as
select
  {%- for column in columns %}
  cast({{ column.name }} as {{ column.type }}) as {{ column.name }}{{ ',' if not loop.last }}
  {%- endfor %}
from {{ delta }} where _selligent_kind = 'new'
{% endmacro %}

{% macro selligent_incoming_span(delta) %}
select min({{ selligent_number('delta') }}), max({{ selligent_number('delta') }})
from {{ delta }} as delta where _selligent_kind = 'new'
{% endmacro %}

{# They were: in place of `selligent_settle`. #}
{% macro selligent_take_incoming(state) %}
drop table {{ state.snapshot }};
alter table {{ state.incoming }} rename to snapshot
{% endmacro %}

{#
  Rows that were refused; once, however often it is said. `said` is a query of what Selligent said of
  them: (n, field, code, message, missing), n being the number of a row; `seen` is when. `hashed` if
  the delta has their hash.
#}
{% macro selligent_reject(state, delta, keys, columns, said, seen, hashed=false) %}
{{ selligent_append(state, 'rejected', selligent_rejected_names(keys), selligent_refused(state, delta, keys, columns, said, seen, hashed)) }}
{% endmacro %}

{% macro selligent_refused(state, delta, keys, columns, said, seen, hashed) %}
select {{ selligent_names(keys, 'refused') }},
  {#- Of a row that left the model there is nothing that a row of the model could be equal to. #}
  case when refused._selligent_kind not in ('removed', 'spared') then
    {{ 'refused._selligent_hash' if hashed else selligent_row_hash(columns, 'refused') }} end,
  said.field, said.code, said.message, {{ seen }}, {{ seen }}, said.missing
from {{ delta }} as refused
join ({{ said }}) as said
on {{ selligent_number('refused') }} = said.n
where not {{ selligent_in_table(state.rejected, keys, 'refused') }}
{% endmacro %}

{# Rows of which a call was taken and another was refused: in doubt. `numbers` is a query of them, n. #}
{% macro selligent_doubt(state, delta, keys, numbers) %}
{{ selligent_append(state, 'doubt', selligent_names(keys), selligent_taken_and_refused(state, delta, keys, numbers)) }}
{% endmacro %}

{% macro selligent_taken_and_refused(state, delta, keys, numbers) %}
select {{ selligent_names(keys, 'refused') }} from {{ delta }} as refused
where {{ selligent_number('refused') }} in ({{ numbers }})
and not {{ selligent_in_table(state.doubt, keys, 'refused') }}
{% endmacro %}

{# Held rows were met again. #}
{% macro selligent_touch_held(state, keys, seen) %}
{%- set columns = (keys | map(attribute='name') | list) + ['_selligent_hash', '_selligent_field', '_selligent_code',
  '_selligent_message', '_selligent_first_seen', '_selligent_last_seen', '_selligent_missing'] %}
{{ selligent_update(state, 'rejected', 'held', columns, {'_selligent_last_seen': seen}, 'true') }}
{% endmacro %}

{# The model's rows, staged as new, taken as sent already; which ones is remembered. #}
{% macro selligent_adopt(state, delta, keys, columns, member) %}
{{ selligent_insert(state, 'snapshot', selligent_names(columns + member), selligent_adopted_rows(delta, columns, member)) }}
{{ selligent_replace(state, 'adopted', 'select ' ~ selligent_names(keys) ~ ' from ' ~ delta ~ " where _selligent_kind = 'new'") }}
{% endmacro %}

{% macro selligent_adopted_rows(delta, columns, member) %}
select {{ selligent_names(columns) }}{% for column in member %}, true as {{ column.name }}{% endfor %}
from {{ delta }} where _selligent_kind = 'new'
{% endmacro %}

{# Noted values, in place of what was noted: (name, value), each a quoted SQL string. #}
{% macro selligent_note(state, notes) %}
  {{- adapter.dispatch('selligent_note', 'dbt_selligent')(state, notes) -}}
{% endmacro %}

{# Where names are a primary key, one that is deleted stands in the way until the transaction ends. #}
{% macro duckdb__selligent_note(state, notes) %}
insert or replace into {{ state.meta }} {{ selligent_values(['name', 'value'], notes) }};
{% endmacro %}

{% macro default__selligent_note(state, notes) %}
{{ selligent_unnote(state, notes | map('first')) }}
{{ selligent_insert(state, 'meta', 'name, value', selligent_values(['name', 'value'], notes)) }}
{% endmacro %}

{% macro selligent_unnote(state, names) %}
{{ selligent_delete(state, 'meta', 'noted', 'noted.name in (' ~ names | join(', ') ~ ')') }}
{% endmacro %}

{# A run; every value is SQL. #}
{% macro selligent_add_run(state, columns, values) %}
{{ selligent_insert(state, 'runs', columns | join(', '), selligent_values(columns, [values])) }}
{% endmacro %}

{# Runs that are known, and of which the condition is true, have these values now. #}
{% macro selligent_change_runs(state, columns, values, condition) %}
{{ selligent_update(state, 'runs', 'run', columns, values, condition) }}
{% endmacro %}

{# Nothing of the log is left. #}
{% macro selligent_clear_log(state) %}
{{ selligent_delete(state, 'log', 'entry', 'true') }}
{% endmacro %}

{# What is known of some spans; `entries` is a query of them, in the order of the log's columns. #}
{% macro selligent_log(state, entries) %}
{{ selligent_append(state, 'log', 'run_id, _selligent_group, first_n, last_n, outcome', entries) }}
{% endmacro %}
