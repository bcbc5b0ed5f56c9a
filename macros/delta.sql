{#
  The delta: what differs between a model and what Selligent confirmed.

    keys, fields   lists of columns (see columns.sql); `columns` is both, keys first
    model          the model's rows as they are sent, made by `selligent_model`
    state          the schema of the state's tables: snapshot, doubt, rejected

  EXCEPT, both ways: `gone` are the rows of the snapshot that the model does not have as they are,
  `came` the rows of the model that the snapshot does not have. If nothing is gone, and the model has
  as many rows with a key as the snapshot, then nothing came: a key stands once in the snapshot, so
  that another row would make the model larger. Each is read once for that; where they differ, all
  else follows from the rows that came and those that are gone.
#}

{% macro selligent_key_given(keys, alias='') -%}
  {%- for key in keys -%}
    {{ alias ~ '.' if alias }}{{ key.name }} is not null{{ ' and ' if not loop.last }}
  {%- endfor -%}
{%- endmacro %}

{# A table of a `computed` model, a view or the like, so that it is computed once; else a view. #}
{% macro selligent_model(target, relation, columns, computed) %}
create {{ 'table' if computed else 'view' }} {{ target }} as
select
  {%- for column in columns %}
  {{ selligent_settled(column) }} as {{ column.name }}{{ ',' if not loop.last }}
  {%- endfor %}
from {{ relation }}
{% endmacro %}

{# Rows of the model, those of them that have a key, and those of the snapshot. #}
{% macro selligent_sizes(model, state, keys) %}
select
  (select count(*) from {{ model }}),
  (select count(*) from {{ model }} where {{ selligent_key_given(keys) }}),
  (select count(*) from {{ state }}.snapshot)
{% endmacro %}

{% macro selligent_gone(target, model, state, keys, columns) %}
create table {{ target }} as
select {{ selligent_names(columns) }} from {{ state }}.snapshot
except
select {{ selligent_names(columns) }} from {{ model }} where {{ selligent_key_given(keys) }}
{% endmacro %}

{# Where everything is sent again, all rows that have a key came. #}
{% macro selligent_came(target, model, state, keys, columns, full_refresh) %}
create {{ 'view' if full_refresh else 'table' }} {{ target }} as
select {{ selligent_names(columns) }} from {{ model }} where {{ selligent_key_given(keys) }}
{%- if not full_refresh %}
except
select {{ selligent_names(columns) }} from {{ state }}.snapshot
{%- endif %}
{% endmacro %}

{#
  Rows that came, the different keys that they have, and how many of these keys the snapshot has in
  a row that is not gone: another row of the model has it too, then.
#}
{% macro selligent_came_sizes(came, gone, state, keys) %}
with added as (
  select distinct {{ selligent_canonical_names(keys, 'came') }} from {{ came }} as came
  where not exists (
    select 1 from {{ gone }} as gone where {{ selligent_same_key(keys, 'came', 'gone') }})
)
select
  (select count(*) from {{ came }}),
  (select {{ selligent_different_keys(keys, 'came') }} from {{ came }} as came),
  (select count(*) from {{ state }}.snapshot as snapshot
    where exists (select 1 from added where {{ selligent_same_key(keys, 'snapshot', 'added') }}))
{% endmacro %}

{# How many different keys there are; of a row without a key there is none. #}
{% macro selligent_different_keys(keys, alias) -%}
  count(distinct
  {%- if keys | length == 1 %} {{ selligent_canonical(keys[0], alias ~ '.' ~ keys[0].name) }}
  {%- else %} case when {{ selligent_key_given(keys, alias) }} then row(
    {%- for key in keys %}{{ selligent_canonical(key, alias ~ '.' ~ key.name) }}{{ ', ' if not loop.last }}{% endfor -%}
  ) end {%- endif %})
{%- endmacro %}

{# Keys that stand twice. #}
{% macro selligent_doubled(target, model, keys) %}
create table {{ target }} as
select {{ selligent_canonical_names(keys, 'model') }}
from {{ model }} as model
where {{ selligent_key_given(keys, 'model') }}
group by
  {%- for key in keys %} {{ selligent_canonical(key, 'model.' ~ key.name) }}{{ ',' if not loop.last }}{% endfor %}
having count(*) > 1
{% endmacro %}

{#
  kind: new | changed | again (in doubt, or everything is sent again: whole) | held | invalid | doubled
  (its key stands twice) | removed. `_selligent_mask` has a 1 for each field that changed, in the order
  of fields. `doubled` is none where no key stands twice.
#}
{% macro selligent_delta(target, model, came, gone, doubled, state, keys, fields, full_refresh) %}
  {{- adapter.dispatch('selligent_delta', 'dbt_selligent')(target, model, came, gone, doubled, state, keys, fields, full_refresh) -}}
{% endmacro %}

{% macro default__selligent_delta(target, model, came, gone, doubled, state, keys, fields, full_refresh) %}
create table {{ target }} as
with described as (
  select
    came.*,
    {{ selligent_unsendable_field(keys + fields, 'came') }} is null as _selligent_sendable,
    gone.{{ keys[0].name }} is not null as _selligent_known,
    doubt.{{ keys[0].name }} is not null as _selligent_doubt,
    case when rejected._selligent_hash is null then false
      else rejected._selligent_hash = {{ selligent_row_hash(keys + fields, 'came') }} end as _selligent_held,
    case when gone.{{ keys[0].name }} is null then '' else concat(''
      {%- for field in fields -%}
      , case when came.{{ field.name }} is distinct from gone.{{ field.name }} then '1' else '0' end
      {%- endfor -%}
    ) end as _selligent_changed
  from {{ came }} as came
  left join {{ gone }} as gone on {{ selligent_same_key(keys, 'came', 'gone') }}
  left join {{ state }}.doubt as doubt on {{ selligent_same_key(keys, 'came', 'doubt') }}
  left join {{ state }}.rejected as rejected on {{ selligent_same_key(keys, 'came', 'rejected') }}
  {%- if doubled %}
  where not exists (
    select 1 from {{ doubled }} as doubled where {{ selligent_same_key(keys, 'came', 'doubled') }})
  {%- endif %}
),
judged as (
  select *,
    case
      when not _selligent_sendable then 'invalid'
      {%- if full_refresh %}
      when _selligent_known or _selligent_doubt then 'again'
      {%- else %}
      when _selligent_held then 'held'
      when _selligent_doubt then 'again'
      when _selligent_known and contains(_selligent_changed, '1') then 'changed'
      when _selligent_known then 'unchanged'
      {%- endif %}
      else 'new'
    end as _selligent_kind
  from described
),
removed as (
  (
    select {{ selligent_canonical_names(keys, 'gone') }} from {{ gone }} as gone
    union all
    select {{ selligent_canonical_names(keys, 'doubt') }} from {{ state }}.doubt as doubt
  )
  except
  select {{ selligent_canonical_names(keys, 'came') }} from {{ came }} as came
)
select
  _selligent_kind,
  case when _selligent_kind = 'changed' then _selligent_changed else '' end as _selligent_mask,
  {{ selligent_names(keys + fields) }}
from judged
where _selligent_kind <> 'unchanged'
{%- if doubled %}
union all
select 'doubled', '', {{ selligent_names(keys + fields) }}
from {{ model }} as model
where exists (
  select 1 from {{ doubled }} as doubled where {{ selligent_same_key(keys, 'model', 'doubled') }})
{%- endif %}
union all
select 'removed', '', {{ selligent_names(keys) }}
  {%- for field in fields %}, cast(null as {{ field.type }}){% endfor %}
from removed
{% endmacro %}

{#
  The delta of a first sync, where there is nothing to compare with: the model's rows as they are.
  Right only if every row has a key of its own, which `selligent_first_sizes` tells.
#}
{% macro selligent_first_delta(target, model, keys, fields) %}
create table {{ target }} as
select
  case when {{ selligent_unsendable_field(keys + fields, 'model') }} is null
    then 'new' else 'invalid' end as _selligent_kind,
  '' as _selligent_mask,
  {{ selligent_names(keys + fields) }}
from {{ model }} as model
{% endmacro %}

{# Rows, those of them that have a key, and different keys. #}
{% macro selligent_first_sizes(delta, keys) %}
select count(*), count(case when {{ selligent_key_given(keys, 'delta') }} then 1 end),
  {{ selligent_different_keys(keys, 'delta') }}
from {{ delta }} as delta
{% endmacro %}

{# The first field of a row whose value cannot be sent, or null. #}
{% macro selligent_unsendable_field(columns, alias) %}
  {{- selligent_unsendable_case(columns, alias, false) -}}
{% endmacro %}

{# Why it cannot. #}
{% macro selligent_unsendable_why(columns, alias) %}
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

{# The delta in figures: kind, mask, and how many rows; of rows that are never sent, field and reason. #}
{% macro selligent_delta_counts(delta, keys, fields) %}
select _selligent_kind, _selligent_mask, {{ selligent_invalid(keys, fields, 'delta') }}, count(*)
from {{ delta }} as delta
group by all
order by all
{% endmacro %}

{# Field and reason of a row that is never sent, two columns. #}
{% macro selligent_invalid(keys, fields, alias) -%}
  case {{ alias }}._selligent_kind
    when 'doubled' then {{ keys[0].label }}
    when 'invalid' then {{ selligent_unsendable_field(keys + fields, alias) }}
  end as _selligent_field,
  case {{ alias }}._selligent_kind
    when 'doubled' then 'the matching key stands twice'
    when 'invalid' then {{ selligent_unsendable_why(keys + fields, alias) }}
  end as _selligent_reason
{%- endmacro %}

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
