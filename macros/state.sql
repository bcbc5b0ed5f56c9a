{#
  The state's tables, and how the outcome of a run goes into them. `spans` is a table of
  (_selligent_kind, _selligent_mask, first_n, last_n, outcome): rows of the delta by kind, mask and
  number, and what is known of them: what was done with them (record | member | removal), and whether
  an answer accounted for it (answered) or none did (in doubt).
#}

{% macro selligent_create_state(state, keys, columns) %}
  {{- adapter.dispatch('selligent_create_state', 'dbt_selligent')(state, keys, columns) -}}
{% endmacro %}

{% macro default__selligent_create_state(state, keys, columns) %}
create table {{ state }}.snapshot (
  {%- for column in columns %}{{ column.name }} {{ column.type }}{{ ', ' if not loop.last }}{% endfor -%}
);
create table {{ state }}.doubt (
  {%- for key in keys %}{{ key.name }} {{ key.type }}{{ ', ' if not loop.last }}{% endfor -%}
);
create table {{ state }}.rejected (
  {%- for key in keys %}{{ key.name }} {{ key.type }}, {% endfor %}
  _selligent_hash varchar, _selligent_field varchar, _selligent_code varchar,
  _selligent_message varchar, _selligent_first_seen timestamp, _selligent_last_seen timestamp,
  _selligent_missing boolean
);
create table {{ state }}.invalid (
  {%- for key in keys %}{{ key.name }} {{ key.type }}, {% endfor %}
  _selligent_field varchar, _selligent_reason varchar, _selligent_rows bigint
)
{% endmacro %}

{# A value in another type where that loses nothing, else null. #}
{% macro selligent_lossless(name, old, new) %}
  {%- if old == new -%} {{ name }} {%- else -%}
    case when try_cast(try_cast({{ name }} as {{ new }}) as {{ old }}) is not distinct from {{ name }}
         then try_cast({{ name }} as {{ new }}) end
  {%- endif -%}
{% endmacro %}

{#
  The state's tables in the columns that the mapping has now. `old` maps the names of the snapshot's
  columns to their types, `tables` are those that have the keys beside it. A row of which a value has
  no equal in the new type is in doubt.
#}
{% macro selligent_reshape_state(state, keys, columns, old, tables=('doubt', 'rejected', 'invalid')) %}
  {{- adapter.dispatch('selligent_reshape_state', 'dbt_selligent')(state, keys, columns, old, tables) -}}
{% endmacro %}

{% macro default__selligent_reshape_state(state, keys, columns, old, tables) %}
{%- for table in tables %}
create or replace table {{ state }}.{{ table }} as
select * replace (
  {%- for key in keys %}{{ selligent_lossless(key.name, old[key.name], key.type) }} as {{ key.name }}{{ ', ' if not loop.last }}{% endfor -%}
) from {{ state }}.{{ table }}
{%- if table != 'invalid' %}
where {{ selligent_keys_kept(keys, old) }}
{%- endif %};
{%- endfor %}
insert into {{ state }}.doubt
select {% for key in keys %}{{ selligent_lossless(key.name, old[key.name], key.type) }}{{ ', ' if not loop.last }}{% endfor %}
from {{ state }}.snapshot
where ({{ selligent_has_no_equal(columns, old) }}) and {{ selligent_keys_kept(keys, old) }};
create or replace table {{ state }}.snapshot as
select
  {%- for column in columns %}
  {% if column.name in old -%}
  {{ selligent_lossless(column.name, old[column.name], column.type) }}
  {%- else -%} cast(null as {{ column.type }}) {%- endif %} as {{ column.name }}{{ ',' if not loop.last }}
  {%- endfor %}
from {{ state }}.snapshot
where not ({{ selligent_has_no_equal(columns, old) }})
{% endmacro %}

{# A key without an equal in its new type is another key: its row is new, under that one. #}
{% macro selligent_keys_kept(keys, old) %}
  {%- for key in keys -%}
    {{ selligent_lossless(key.name, old[key.name], key.type) }} is not null{{ ' and ' if not loop.last }}
  {%- endfor -%}
{% endmacro %}

{% macro selligent_has_no_equal(columns, old) %}
  {%- for column in columns if column.name in old and old[column.name] != column.type -%}
    ({{ column.name }} is not null and {{ selligent_lossless(column.name, old[column.name], column.type) }} is null) or{{ ' ' }}
  {%- endfor -%}
  false
{%- endmacro %}

{#
  What a new delta says of the state before anything is sent. `forgotten` are the kinds of rows, that
  left the model, to be forgotten, and `tables` where they may stand.
#}
{% macro selligent_begin(state, delta, keys, columns, forgotten, tables, full_refresh) %}
  {{- adapter.dispatch('selligent_begin', 'dbt_selligent')(state, delta, keys, columns, forgotten, tables, full_refresh) -}}
{% endmacro %}

{% macro default__selligent_begin(state, delta, keys, columns, forgotten, tables, full_refresh) %}
{%- if forgotten %}
{%- for table in tables %}
delete from {{ state }}.{{ table }} as kept using {{ delta }} as gone
where gone._selligent_kind in ({{ forgotten | join(', ') }}) and {{ selligent_same_key(keys, 'kept', 'gone') }};
{%- endfor %}
{%- endif %}
delete from {{ state }}.rejected as kept
where not exists (select 1 from {{ delta }} as held
  where held._selligent_kind in ('held', 'missing') and {{ selligent_same_key(keys, 'kept', 'held') }});
{%- if full_refresh %}
insert into {{ state }}.doubt select {{ selligent_names(keys) }} from {{ state }}.snapshot;
delete from {{ state }}.snapshot;
{%- endif %}
delete from {{ state }}.invalid;
insert into {{ state }}.invalid
select {% for key in keys %}min(delta.{{ key.name }}), {% endfor %}
  {{ selligent_invalid(columns, 'delta') }}, count(*)
from {{ delta }} as delta where _selligent_kind in ('invalid', 'doubled')
group by {% for key in keys %}{{ selligent_canonical(key, 'delta.' ~ key.name) }}, {% endfor -%}
  _selligent_field, _selligent_reason
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
  and not exists (select 1 from {{ state }}.rejected as refused
    where {{ selligent_same_key(keys, 'delta', 'refused') }})
  {%- endif %}
{% endmacro %}

{#
  The outcome of a run, all of it or nothing: to be run in one transaction. `tables` are those of
  snapshot, doubt, rejected and adopted that have rows, `outcomes` those that the spans have.
#}
{% macro selligent_settle(state, delta, spans, keys, columns, member, tables, outcomes) %}
  {{- adapter.dispatch('selligent_settle', 'dbt_selligent')(state, delta, spans, keys, columns, member, tables, outcomes) -}}
{% endmacro %}

{% macro default__selligent_settle(state, delta, spans, keys, columns, member, tables, outcomes) %}
{%- set refused = 'rejected' in tables %}
{%- if refused %}
{#- Of a refused row it is known that it was not taken, not that the record is as it was before. #}
insert into {{ state }}.doubt ({{ selligent_names(keys) }})
select {{ selligent_names(keys, 'old') }} from {{ state }}.snapshot as old
semi join {{ state }}.rejected as refused on {{ selligent_same_key(keys, 'old', 'refused') }}
where not exists (select 1 from {{ state }}.doubt as doubt where {{ selligent_same_key(keys, 'old', 'doubt') }});
delete from {{ state }}.snapshot as old using {{ state }}.rejected as refused
where {{ selligent_same_key(keys, 'old', 'refused') }};
{#- Of one that was not found, that there is no record. #}
delete from {{ state }}.doubt as old using {{ state }}.rejected as refused
where refused._selligent_missing and {{ selligent_same_key(keys, 'old', 'refused') }};
{%- endif %}
{%- for outcome in ('record answered', 'record in doubt', 'removal answered', 'removal in doubt') if outcome in outcomes %}
{#- What was adopted is so until a send of it was confirmed. #}
{%- for table in tables if table in ('snapshot', 'doubt') or (table == 'adopted' and 'answered' in outcome) %}
delete from {{ state }}.{{ table }} as old
using ({{ selligent_rows_in(state, delta, spans, outcome, keys, keys, refused) }}) as new
where {{ selligent_same_key(keys, 'old', 'new') }};
{%- endfor %}
{%- if outcome == 'record answered' %}
insert into {{ state }}.snapshot ({{ selligent_names(columns) }})
{{ selligent_rows_in(state, delta, spans, outcome, keys, columns, refused) }};
{%- elif outcome != 'removal answered' %}
insert into {{ state }}.doubt ({{ selligent_names(keys) }})
{{ selligent_rows_in(state, delta, spans, outcome, keys, keys, refused) }};
{%- endif %}
{%- endfor %}
{{- selligent_settle_members(state, delta, spans, keys, member, outcomes) }}
{% endmacro %}

{# After the records: whether they are members, null where that is in doubt. #}
{% macro selligent_settle_members(state, delta, spans, keys, member, outcomes) %}
{%- for outcome, value in (('member answered', 'true'), ('member in doubt', 'null')) if outcome in outcomes %}
update {{ state }}.snapshot as record set {{ member[0].name }} = {{ value }}
from ({{ selligent_rows_in(state, delta, spans, outcome, keys, keys, false) }}) as new
where {{ selligent_same_key(keys, 'record', 'new') }};
{%- endfor %}
{% endmacro %}

{# Who is a member of another segment than before is in doubt. #}
{% macro selligent_forget_members(state, member) %}
update {{ state }}.snapshot set {{ member[0].name }} = null
{% endmacro %}

{# The snapshot that a first sync comes to if all its rows are confirmed, and which rows these are. #}
{% macro selligent_incoming(state, delta, columns) %}
create or replace table {{ state }}.incoming as
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
drop table {{ state }}.snapshot;
alter table {{ state }}.incoming rename to snapshot
{% endmacro %}

{#
  Rows that were refused. $n, $field, $code, $message and $missing are lists of one length: numbers
  of rows, and what Selligent said of them; $seen is when. `hashed` if the delta has their hash.
#}
{% macro selligent_reject(state, delta, keys, columns, hashed=false) %}
  {{- adapter.dispatch('selligent_reject', 'dbt_selligent')(state, delta, keys, columns, hashed) -}}
{% endmacro %}

{% macro default__selligent_reject(state, delta, keys, columns, hashed) %}
insert into {{ state }}.rejected
select {{ selligent_names(keys, 'refused') }},
  {#- Of a row that left the model there is nothing that a row of the model could be equal to. #}
  case when refused._selligent_kind not in ('removed', 'spared') then
    {{ 'refused._selligent_hash' if hashed else selligent_row_hash(columns, 'refused') }} end,
  said.field, said.code, said.message, $seen, $seen, said.missing
from {{ delta }} as refused
join (select unnest($n) as n, unnest($field) as field, unnest($code) as code,
  unnest($message) as message, unnest($missing) as missing) as said
on {{ selligent_number('refused') }} = said.n
{% endmacro %}

{# Rows, by number, of which a call was taken and another was refused: in doubt. #}
{% macro selligent_doubt(state, delta, keys) %}
insert into {{ state }}.doubt ({{ selligent_names(keys) }})
select {{ selligent_names(keys, 'refused') }} from {{ delta }} as refused
where {{ selligent_number('refused') }} in (select unnest($n))
and not exists (select 1 from {{ state }}.doubt as doubt where {{ selligent_same_key(keys, 'refused', 'doubt') }})
{% endmacro %}

{# Held rows were met again. #}
{% macro selligent_touch_held(state) %}
update {{ state }}.rejected set _selligent_last_seen = $seen
{% endmacro %}

{# The model's rows, staged as new, taken as sent already; which ones is remembered. #}
{% macro selligent_adopt(state, delta, keys, columns, member) %}
insert into {{ state }}.snapshot ({{ selligent_names(columns + member) }})
select {{ selligent_names(columns) }}{% if member %}, true{% endif %}
from {{ delta }} where _selligent_kind = 'new';
create or replace table {{ state }}.adopted as
select {{ selligent_names(keys) }} from {{ delta }} where _selligent_kind = 'new'
{% endmacro %}
