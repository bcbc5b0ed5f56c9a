{#
  The delta: what differs between a model and what Selligent confirmed.

    keys, fields   lists of columns (see columns.sql); `columns` is both, keys first
    state          the schema of the state's tables: snapshot, doubt, rejected

  `selligent_candidates` reads the snapshot once, and so the model, but for its keys. Only where its figures show that keys
  stand twice, or left the model, are the keys looked at again, by `selligent_doubled` and
  `selligent_removed`. `selligent_delta` then looks at the rows that came through, and says of each
  what it is and which fields changed.
#}

{% macro selligent_key_given(keys, alias='') -%}
  {%- for key in keys -%}
    {{ alias ~ '.' if alias }}{{ key.name }} is not null{{ ' and ' if not loop.last }}
  {%- endfor -%}
{%- endmacro %}

{% macro selligent_model(relation, columns) %}
  select
    {%- for column in columns %}
    {{ selligent_settled(column) }} as {{ column.name }}{{ ',' if not loop.last }}
    {%- endfor %}
  from {{ relation }}
{%- endmacro %}

{#
  kind `row`: a row of the model that the snapshot does not have as it is. kind `model`, once: how
  many rows the model has, how many of them have a key, and how many different keys there are.
  A `computed` model, a view, is computed once and kept for both; of a table it is cheaper to read
  the keys a second time than to keep all its rows.
#}
{% macro selligent_candidates(target, relation, state, keys, columns, full_refresh, computed) %}
  {{- adapter.dispatch('selligent_candidates', 'dbt_selligent')(target, relation, state, keys, columns, full_refresh, computed) -}}
{% endmacro %}

{% macro default__selligent_candidates(target, relation, state, keys, columns, full_refresh, computed) %}
create temp table {{ target }} as
with model as {{ '' if computed else 'not ' }}materialized (
  {{- selligent_model(relation, columns) | indent(2) }}
),
differing as (
  select {{ selligent_names(columns) }} from model where {{ selligent_key_given(keys) }}
  {%- if not full_refresh %}
  except
  select {{ selligent_names(columns) }} from {{ state }}.snapshot
  {%- endif %}
)
select 'row' as _selligent_kind, cast(1 as bigint) as _selligent_rows,
  cast(null as bigint) as _selligent_keyed, cast(null as bigint) as _selligent_different,
  {{ selligent_names(columns) }}
from differing
union all by name
select 'model' as _selligent_kind, count(*) as _selligent_rows,
  {{ selligent_key_figures(keys, 'model') }}
from model
{% endmacro %}

{% macro selligent_key_figures(keys, alias) -%}
  count(case when {{ selligent_key_given(keys, alias) }} then 1 end) as _selligent_keyed,
  count(distinct
  {%- if keys | length == 1 %} {{ selligent_canonical(keys[0], alias ~ '.' ~ keys[0].name) }}
  {%- else %} case when {{ selligent_key_given(keys, alias) }} then row(
    {%- for key in keys %}{{ selligent_canonical(key, alias ~ '.' ~ key.name) }}{{ ', ' if not loop.last }}{% endfor -%}
  ) end {%- endif %}) as _selligent_different
{%- endmacro %}

{# How many keys the state knows: no key is both in the snapshot and in doubt. #}
{% macro selligent_known(state) %}
select (select count(*) from {{ state }}.snapshot) + (select count(*) from {{ state }}.doubt)
{% endmacro %}

{# How many different keys the candidates have, and how many of these the state knows. #}
{% macro selligent_candidate_keys(candidates, state, keys) %}
with candidate as (
  select distinct {{ selligent_canonical_names(keys, 'candidate') }} from {{ candidates }} as candidate
  where candidate._selligent_kind = 'row'
)
select (select count(*) from candidate)
{%- for table in ('snapshot', 'doubt') %}{{ ', ' if loop.first else ' + ' }}
  (select count(*) from {{ state }}.{{ table }} as known semi join candidate
    on {{ selligent_same_key(keys, 'known', 'candidate') }})
{%- endfor %}
{% endmacro %}

{% macro selligent_doubled(candidates, relation, keys) %}
insert into {{ candidates }} by name
with model as ({{ selligent_model(relation, keys) }}
)
select 'doubled' as _selligent_kind, count(*) as _selligent_rows,
  {{ selligent_canonical_names(keys, 'model') }}
from model
where {{ selligent_key_given(keys, 'model') }}
group by
  {%- for key in keys %} {{ selligent_canonical(key, 'model.' ~ key.name) }}{{ ',' if not loop.last }}{% endfor %}
having count(*) > 1
{% endmacro %}

{% macro selligent_removed(candidates, relation, state, keys) %}
insert into {{ candidates }} by name
with model as ({{ selligent_model(relation, keys) }}
),
removed as (
  (
    select {{ selligent_canonical_names(keys, 'snapshot') }} from {{ state }}.snapshot
    union all
    select {{ selligent_canonical_names(keys, 'doubt') }} from {{ state }}.doubt
  )
  except
  select {{ selligent_canonical_names(keys, 'model') }} from model
  where {{ selligent_key_given(keys, 'model') }}
)
select 'removed' as _selligent_kind, 1 as _selligent_rows, {{ selligent_names(keys) }} from removed
{% endmacro %}

{#
  kind: new | changed | again (in doubt, or everything is sent again: whole) | held | invalid |
  removed. `_selligent_mask` has a 1 for each field that changed, in the order of fields.
#}
{% macro selligent_delta(target, candidates, state, keys, fields, full_refresh) %}
  {{- adapter.dispatch('selligent_delta', 'dbt_selligent')(target, candidates, state, keys, fields, full_refresh) -}}
{% endmacro %}

{% macro default__selligent_delta(target, candidates, state, keys, fields, full_refresh) %}
create table {{ target }} as
with doubled as (
  select * from {{ candidates }} where _selligent_kind = 'doubled'
),
described as (
  select
    candidate.*,
    case when candidate._selligent_kind = 'doubled' then {{ keys[0].label }}
      else {{ selligent_first_unsendable(keys + fields, 'candidate') }} end as _selligent_field,
    case when candidate._selligent_kind = 'doubled' then 'the matching key stands twice'
      else {{ selligent_first_reason(keys + fields, 'candidate') }} end as _selligent_reason,
    snapshot.{{ keys[0].name }} is not null as _selligent_known,
    doubt.{{ keys[0].name }} is not null as _selligent_doubt,
    case when rejected._selligent_hash is null then false
      else rejected._selligent_hash = {{ selligent_row_hash(keys + fields, 'candidate') }} end as _selligent_held,
    case when snapshot.{{ keys[0].name }} is null then '' else concat(''
      {%- for field in fields -%}
      , case when candidate.{{ field.name }} is distinct from snapshot.{{ field.name }} then '1' else '0' end
      {%- endfor -%}
    ) end as _selligent_changed
  from {{ candidates }} as candidate
  left join {{ state }}.snapshot as snapshot
    on candidate._selligent_kind = 'row' and {{ selligent_same_key(keys, 'candidate', 'snapshot') }}
  left join {{ state }}.doubt as doubt
    on candidate._selligent_kind = 'row' and {{ selligent_same_key(keys, 'candidate', 'doubt') }}
  left join {{ state }}.rejected as rejected
    on candidate._selligent_kind = 'row' and {{ selligent_same_key(keys, 'candidate', 'rejected') }}
  where candidate._selligent_kind <> 'model'
    and not (candidate._selligent_kind = 'row' and exists (
      select 1 from doubled where {{ selligent_same_key(keys, 'candidate', 'doubled') }}))
),
judged as (
  select *,
    case
      when _selligent_kind = 'removed' then 'removed'
      when _selligent_reason is not null then 'invalid'
      {%- if full_refresh %}
      when _selligent_known or _selligent_doubt then 'again'
      {%- else %}
      when _selligent_held then 'held'
      when _selligent_doubt then 'again'
      when _selligent_known and contains(_selligent_changed, '1') then 'changed'
      when _selligent_known then 'unchanged'
      {%- endif %}
      else 'new'
    end as _selligent_verdict
  from described
)
select
  _selligent_verdict as _selligent_kind,
  _selligent_rows,
  case when _selligent_verdict = 'changed' then _selligent_changed else '' end as _selligent_mask,
  _selligent_field,
  _selligent_reason,
  {{ selligent_names(keys + fields) }}
from judged
where _selligent_verdict <> 'unchanged'
{% endmacro %}

{#
  The delta of a first sync, where there is nothing to compare with: the model's rows as they are.
  Right only if every row has a key of its own, which `selligent_first_figures` tells.
#}
{% macro selligent_first_delta(target, relation, keys, fields) %}
create or replace table {{ target }} as
with model as ({{ selligent_model(relation, keys + fields) }}
),
described as (
  select *, {{ selligent_first_unsendable(keys + fields, 'model') }} as _selligent_field,
    {{ selligent_first_reason(keys + fields, 'model') }} as _selligent_reason
  from model
)
select
  case when _selligent_reason is null then 'new' else 'invalid' end as _selligent_kind,
  cast(1 as bigint) as _selligent_rows,
  '' as _selligent_mask,
  _selligent_field,
  _selligent_reason,
  {{ selligent_names(keys + fields) }}
from described
{% endmacro %}

{% macro selligent_first_figures(delta, keys) %}
select count(*), {{ selligent_key_figures(keys, 'delta') }},
  count(case when _selligent_kind = 'new' then 1 end) as _selligent_new
from {{ delta }} as delta
{% endmacro %}

{# The first field of a row whose value cannot be sent, or null. #}
{% macro selligent_first_unsendable(columns, alias) %}
  {{- selligent_unsendable_case(columns, alias, false) -}}
{% endmacro %}

{# Why it cannot. #}
{% macro selligent_first_reason(columns, alias) %}
  {{- selligent_unsendable_case(columns, alias, true) -}}
{% endmacro %}

{% macro selligent_unsendable_case(columns, alias, reason) %}
  case when false then ''
    {%- for column in columns %}
    {%- set unsendable = selligent_unsendable(column, alias ~ '.' ~ column.name) | trim %}
    {%- if unsendable %}
    when {{ unsendable }} then {% if reason %}{{ selligent_unsendable_reason(column) }}{% else %}{{ column.label }}{% endif %}
    {%- endif %}
    {%- endfor %}
  end
{%- endmacro %}

{# The delta in figures: kind, mask, field, reason and how many rows. #}
{% macro selligent_delta_counts(delta) %}
select _selligent_kind, _selligent_mask, _selligent_field, _selligent_reason,
  cast(sum(_selligent_rows) as bigint) as _selligent_rows
from {{ delta }}
group by all
order by all
{% endmacro %}

{#
  Rows of one group as they stand in a request body, each with the comma behind it, in order of n.
  `columns` are those that the group sends, keys first; `members` the (kind, mask) that make it up,
  as quoted SQL strings; `span` narrows it to some of its rows.
#}
{% macro selligent_rows(delta, groups, number, members, columns, span=none) %}
  {{- adapter.dispatch('selligent_rows', 'dbt_selligent')(delta, groups, number, members, columns, span) -}}
{% endmacro %}

{% macro default__selligent_rows(delta, groups, number, members, columns, span) %}
select {{ selligent_number('delta') }} as _selligent_n,
  concat(cast(json_array(
    {%- for column in columns -%}
    {{ selligent_json_value(column, column.name) }}{{ ', ' if not loop.last }}
    {%- endfor -%}
  ) as varchar), ',') as _selligent_json
from {{ delta }} as delta
where
{%- if members | length <= 4 %} ({% for kind, mask in members -%}
  (_selligent_kind = {{ kind }} and _selligent_mask = {{ mask }}){{ ' or ' if not loop.last }}
{%- endfor %})
{%- else %} (_selligent_kind, _selligent_mask) in (
  select (_selligent_kind, _selligent_mask) from {{ groups }} where _selligent_group = {{ number }})
{%- endif %}
{%- if span %}
and {{ selligent_number('delta') }} between {{ span.first }} and {{ span.last }}
{%- endif %}
{#- A filter keeps the order in which rows were staged, a join does not: only then they are sorted. #}
{%- if members | length > 4 %}
order by _selligent_n
{%- endif %}
{% endmacro %}
