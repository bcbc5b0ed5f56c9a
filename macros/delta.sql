{#
  The delta: what differs between a model and what Selligent confirmed.

    keys, fields   lists of columns (see columns.sql); `columns` is both, keys first
    model          the model's rows as they are sent, made by `selligent_model`
    state          the state's tables by name, as SQL names them: snapshot, doubt, rejected

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
{{ selligent_create_as(target) if computed else selligent_create_view(target) }}
select
  {%- for column in columns %}
  {{ selligent_settled(column) }} as {{ column.name }}{{ ',' if not loop.last }}
  {%- endfor %}
from {{ relation }}
{% endmacro %}

{# Rows of the model, those of them that have a key, those of the snapshot, and those in doubt. #}
{% macro selligent_sizes(model, state, keys) %}
select
  (select count(*) from {{ model }}),
  (select count(*) from {{ model }} where {{ selligent_key_given(keys) }}),
  (select count(*) from {{ state.snapshot }}),
  (select count(*) from {{ state.doubt }})
{% endmacro %}

{% macro selligent_gone(target, model, state, keys, columns) %}
{{ selligent_create_as(target) }}
select {{ selligent_names(columns) }} from {{ state.snapshot }}
{{ selligent_except() }}
select {{ selligent_names(columns) }} from {{ model }} where {{ selligent_key_given(keys) }}
{% endmacro %}

{# Where everything is sent again, all rows that have a key came. #}
{% macro selligent_came(target, model, state, keys, columns, once, full_refresh) %}
{{ selligent_create_view(target) if full_refresh else selligent_create_as(target) }}
{%- if full_refresh or not once %}
select {{ selligent_names(columns + once) }} from {{ model }} where {{ selligent_key_given(keys) }}
{%- if not full_refresh %}
{{ selligent_except() }}
select {{ selligent_names(columns) }} from {{ state.snapshot }}
{%- endif %}
{%- else %}
{#- What is sent once is not compared: it is fetched for the rows that differ. #}
with differs as (
  select {{ selligent_names(columns) }} from {{ model }} where {{ selligent_key_given(keys) }}
  {{ selligent_except() }}
  select {{ selligent_names(columns) }} from {{ state.snapshot }}
)
select {{ selligent_names(columns + once, 'model') }} from {{ model }} as model
where exists (
  select 1 from differs where {% for key in keys -%}
    differs.{{ key.name }} = model.{{ key.name }}{{ ' and ' if not loop.last }}
  {%- endfor %})
{%- endif %}
{% endmacro %}

{# What came where nothing did. #}
{% macro selligent_none_came(target, model, columns) %}
{{ selligent_create_as(target) }}
select {{ selligent_names(columns) }} from {{ model }} where false
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
  ({{ selligent_different_keys(came, keys) }}),
  (select count(*) from {{ state.snapshot }} as snapshot
    where exists (select 1 from added where {{ selligent_same_key(keys, 'snapshot', 'added') }}))
{% endmacro %}

{# How many different keys the rows of a table have; of a row without a key there is none. #}
{% macro selligent_different_keys(table, keys) %}
  {{- adapter.dispatch('selligent_different_keys', 'dbt_selligent')(table, keys) -}}
{% endmacro %}

{% macro default__selligent_different_keys(table, keys) -%}
select count(*) from (
  select distinct {{ selligent_canonical_names(keys, 'keyed') }} from {{ table }} as keyed
  where {{ selligent_key_given(keys, 'keyed') }}) as different
{%- endmacro %}

{% macro duckdb__selligent_different_keys(table, keys) -%}
select {{ selligent_count_keys(keys, 'keyed') }} from {{ table }} as keyed
{%- endmacro %}

{% macro selligent_count_keys(keys, alias) -%}
  count(distinct
  {%- if keys | length == 1 %} {{ selligent_canonical(keys[0], alias ~ '.' ~ keys[0].name) }}
  {%- else %} case when {{ selligent_key_given(keys, alias) }} then row(
    {%- for key in keys %}{{ selligent_canonical(key, alias ~ '.' ~ key.name) }}{{ ', ' if not loop.last }}{% endfor -%}
  ) end {%- endif %})
{%- endmacro %}

{# A view where it goes with the session, or the tool's own DuckDB; else a table. #}
{% macro selligent_create_view(target) %}
  {{- adapter.dispatch('selligent_create_view', 'dbt_selligent')(target) -}}
{% endmacro %}

{% macro default__selligent_create_view(target) -%}
{{ selligent_create_as(target) }}
{%- endmacro %}

{% macro duckdb__selligent_create_view(target) -%}
create view {{ target }} as
{%- endmacro %}

{% macro postgres__selligent_create_view(target) -%}
create view {{ target }} as
{%- endmacro %}

{# Keys that stand twice. #}
{% macro selligent_doubled(target, model, keys) %}
{{ selligent_create_as(target) }}
select {{ selligent_canonical_names(keys, 'model') }}
from {{ model }} as model
where {{ selligent_key_given(keys, 'model') }}
group by
  {%- for key in keys %} {{ selligent_canonical(key, 'model.' ~ key.name) }}{{ ',' if not loop.last }}{% endfor %}
having count(*) > 1
{% endmacro %}

{#
  kind: new | changed | again (in doubt, or everything is sent again: whole) | held | missing (not
  found before) | invalid | doubled (its key stands twice) | removed | spared
  (removed, but adopted, not sent: where `spared`).
  `_selligent_mask` has a 1 for each field, and for the membership, that changed, in the order of
  `fields` and `member`. With `skip`, a null counts as unchanged, and of rows that go whole the mask
  says which values they have; `_selligent_hash` is of the row as the model has it. `retried` are kinds that are tried again, not held. `doubled` is none
  where no key stands twice.
#}
{% macro selligent_delta(target, model, came, gone, doubled, state, keys, fields, member, once, skip, full_refresh, retried, spared=false) %}
{{ selligent_create_as(target) }}
{{ selligent_numbered(selligent_differing(model, came, gone, doubled, state, keys, fields, member, once, skip, full_refresh, retried, spared)) }}
{% endmacro %}

{% macro selligent_differing(model, came, gone, doubled, state, keys, fields, member, once, skip, full_refresh, retried, spared) %}
with matched as (
  select
    {{ selligent_names(keys, 'came') }},
    {%- for field in fields %}
    {% if skip %}coalesce(came.{{ field.name }}, gone.{{ field.name }}){% else %}came.{{ field.name }}{% endif %} as {{ field.name }},
    {%- endfor %}
    {%- for column in member %}
    gone.{{ column.name }} as {{ column.name }},
    {%- endfor %}
    {%- for column in once %}
    came.{{ column.name }} as {{ column.name }},
    {%- endfor %}
    gone.{{ keys[0].name }} is not null as _selligent_known,
    doubt.{{ keys[0].name }} is not null as _selligent_doubt,
    rejected._selligent_hash as _selligent_refused,
    case when rejected._selligent_missing then 'missing' else 'held' end as _selligent_refusal,
    case when gone.{{ keys[0].name }} is null then '' else concat(''
      {%- for field in fields -%}
      , case when {% if skip %}came.{{ field.name }} is not null and {% endif %}came.{{ field.name }} is distinct from gone.{{ field.name }} then '1' else '0' end
      {%- endfor -%}
      {%- for column in member -%}
      , case when gone.{{ column.name }} then '0' else '1' end
      {%- endfor -%}
    ) end as _selligent_changed,
    {{ selligent_given(fields, member, 'came') if skip else "''" }} as _selligent_given
    {%- if skip %},
    {{ selligent_row_hash(keys + fields + once, 'came') }} as _selligent_hash
    {%- endif %}
  from {{ came }} as came
  left join {{ gone }} as gone on {{ selligent_same_key(keys, 'came', 'gone') }}
  left join {{ state.doubt }} as doubt on {{ selligent_same_key(keys, 'came', 'doubt') }}
  left join {{ state.rejected }} as rejected on {{ selligent_same_key(keys, 'came', 'rejected') }}
  {%- if doubled %}
  where not exists (
    select 1 from {{ doubled }} as doubled where {{ selligent_same_key(keys, 'came', 'doubled') }})
  {%- endif %}
),
judged as (
  select *,
    case
      when {{ selligent_unsendable_field(keys + fields, 'matched') }} is not null then 'invalid'
      {%- if once %}
      {#- What is sent with inserts alone is not sent of a row that is known. #}
      when {% if not full_refresh %}not _selligent_known and {% endif %}
        {{- selligent_unsendable_field(once, 'matched') }} is not null then 'invalid'
      {%- endif %}
      {%- if full_refresh %}
      when _selligent_known or _selligent_doubt then 'again'
      {%- else %}
      when _selligent_refused is not null
        {%- if retried %} and _selligent_refusal not in ({{ retried | join(', ') }}){% endif %}
        and _selligent_refused = {% if skip %}_selligent_hash{% else %}{{ selligent_row_hash(keys + fields + once, 'matched') }}{% endif %}
        then _selligent_refusal
      when _selligent_doubt then 'again'
      when _selligent_known and _selligent_changed like '%1%' then 'changed'
      when _selligent_known then 'unchanged'
      {%- endif %}
      else 'new'
    end as _selligent_kind
  from matched
),
{#- Keys as they were sent: how Selligent compares them is not relied upon where a record ends. #}
removed as (
  select {{ selligent_names(keys, 'gone') }} from {{ gone }} as gone
  where not {{ selligent_in_table(came, keys, 'gone') }}
  union all
  select {{ selligent_names(keys, 'doubt') }} from {{ state.doubt }} as doubt
  where not {{ selligent_in_table(came, keys, 'doubt') }}
)
select
  _selligent_kind,
  case _selligent_kind
    when 'changed' then _selligent_changed
    when 'new' then _selligent_given
    when 'again' then _selligent_given
    else '' end as _selligent_mask,
  {{ selligent_names(keys + fields) }}
  {#- Of a record in doubt the membership is too; a new one has none. #}
  {%- for column in member %},
  case _selligent_kind when 'new' then false when 'changed' then {{ column.name }} end as {{ column.name }}
  {%- endfor %}
  {%- for column in once %}, {{ column.name }}{% endfor %}
  {%- if skip %}, _selligent_hash{% endif %}
from judged
where _selligent_kind <> 'unchanged'
{%- if doubled %}
union all
select 'doubled', '', {{ selligent_names(keys + fields) }}
  {%- for column in member %}, {{ selligent_null(column.type) }}{% endfor %}
  {%- for column in once %}, {{ column.name }}{% endfor %}
  {%- if skip %}, {{ selligent_null(selligent_text_type()) }}{% endif %}
from {{ model }} as model
where exists (
  select 1 from {{ doubled }} as doubled where {{ selligent_same_key(keys, 'model', 'doubled') }})
{%- endif %}
union all
select
  {%- if spared %}
  case when {{ selligent_was_adopted(state, keys) }}
    then 'spared' else 'removed' end,
  {%- else %} 'removed',{% endif %} '', {{ selligent_names(keys) }}
  {%- for column in fields + member + once %}, {{ selligent_null(column.type) }}{% endfor %}
  {%- if skip %}, {{ selligent_null(selligent_text_type()) }}{% endif %}
from {{ selligent_removed(state, keys) if spared else 'removed' }}
{% endmacro %}

{# Whether a row of `removed` was adopted, and `removed`, so that this can be told of it. #}
{% macro selligent_was_adopted(state, keys) %}
  {{- adapter.dispatch('selligent_was_adopted', 'dbt_selligent')(state, keys) -}}
{% endmacro %}

{% macro default__selligent_was_adopted(state, keys) -%} removed._selligent_adopted {%- endmacro %}

{% macro duckdb__selligent_was_adopted(state, keys) -%}
  {{ selligent_in_adopted(state, keys) }}
{%- endmacro %}

{% macro postgres__selligent_was_adopted(state, keys) -%}
  {{ selligent_in_adopted(state, keys) }}
{%- endmacro %}

{% macro selligent_in_adopted(state, keys) -%}
exists (select 1 from {{ state.adopted }} as adopted where {{ selligent_same_key(keys, 'removed', 'adopted') }})
{%- endmacro %}

{% macro selligent_removed(state, keys) %}
  {{- adapter.dispatch('selligent_removed', 'dbt_selligent')(state, keys) -}}
{% endmacro %}

{# On many engines `exists` stands in a `where` alone. #}
{% macro default__selligent_removed(state, keys) -%}
(
  select {{ selligent_names(keys, 'gone') }}, adopted.{{ keys[0].name }} is not null as _selligent_adopted
  from removed as gone left join {{ state.adopted }} as adopted on {{ selligent_same_key(keys, 'gone', 'adopted') }}) as removed
{%- endmacro %}

{% macro duckdb__selligent_removed(state, keys) -%} removed {%- endmacro %}

{% macro postgres__selligent_removed(state, keys) -%} removed {%- endmacro %}

{# Of two queries, the different rows of the first that the second does not have; a null is a null. #}
{% macro selligent_except() %}
  {{- adapter.dispatch('selligent_except', 'dbt_selligent')() -}}
{% endmacro %}

{% macro default__selligent_except() -%} except {%- endmacro %}

{# Which values a row has, in a mask; a row that goes whole becomes a member too. #}
{% macro selligent_given(fields, member, alias) -%}
  concat(''
  {%- for field in fields -%}
  , case when {{ alias }}.{{ field.name }} is null then '0' else '1' end
  {%- endfor -%}
  {%- for column in member -%} , '1' {%- endfor -%}
  )
{%- endmacro %}

{#
  The delta of a first sync, where there is nothing to compare with: the model's rows as they are.
  Right only if every row has a key of its own, which `selligent_first_sizes` tells.
#}
{% macro selligent_first_delta(target, model, keys, fields, member, once, skip) %}
{{ selligent_create_as(target) }}
{{ selligent_numbered(selligent_all_new(model, keys, fields, member, once, skip)) }}
{% endmacro %}

{% macro selligent_all_new(model, keys, fields, member, once, skip) %}
select
  case when {{ selligent_unsendable_field(keys + fields + once, 'model') }} is null
    then 'new' else 'invalid' end as _selligent_kind,
  {{ selligent_given(fields, member, 'model') if skip else "''" }} as _selligent_mask,
  {{ selligent_names(keys + fields) }}
  {%- for column in member %}, false as {{ column.name }}{% endfor %}
  {%- for column in once %}, {{ column.name }}{% endfor %}
  {%- if skip %}, {{ selligent_row_hash(keys + fields + once, 'model') }} as _selligent_hash{% endif %}
from {{ model }} as model
{% endmacro %}

{# Rows, those of them that have a key, and different keys. #}
{% macro selligent_first_sizes(delta, keys) %}
  {{- adapter.dispatch('selligent_first_sizes', 'dbt_selligent')(delta, keys) -}}
{% endmacro %}

{% macro default__selligent_first_sizes(delta, keys) %}
select
  (select count(*) from {{ delta }}),
  (select count(*) from {{ delta }} as delta where {{ selligent_key_given(keys, 'delta') }}),
  ({{ selligent_different_keys(delta, keys) }})
{% endmacro %}

{% macro duckdb__selligent_first_sizes(delta, keys) %}
select count(*), count(case when {{ selligent_key_given(keys, 'delta') }} then 1 end),
  {{ selligent_count_keys(keys, 'delta') }}
from {{ delta }} as delta
{% endmacro %}

{# The first field of a row whose value cannot be sent, or null. #}
{% macro selligent_unsendable_field(columns, alias) %}
  {{- selligent_unsendable_case(columns, alias, 'field') -}}
{% endmacro %}

{# Why it cannot. #}
{% macro selligent_unsendable_why(columns, alias) %}
  {{- selligent_unsendable_case(columns, alias, 'reason') -}}
{% endmacro %}

{% macro selligent_unsendable_case(columns, alias, told) %}
  case when false then ''
    {%- for column in columns %}{{ selligent_unsendable(column, alias ~ '.' ~ column.name, told) }}{% endfor %}
  end
{%- endmacro %}

{# The delta in figures: kind, mask, and how many rows; of rows that are never sent, field and reason. #}
{% macro selligent_delta_counts(delta, keys, columns) %}
select _selligent_kind, _selligent_mask, _selligent_field, _selligent_reason, count(*)
from (
  select _selligent_kind, _selligent_mask, {{ selligent_invalid(keys, columns, 'delta') }} from {{ delta }} as delta) as told
group by 1, 2, 3, 4
order by 1, 2, 3, 4
{% endmacro %}

{# Rows in doubt that are of these kinds, quoted, in the delta. #}
{% macro selligent_doubted(state, delta, keys, kinds) %}
select count(*) from {{ state.doubt }} as kept where {{ selligent_in_delta(delta, keys, kinds) }}
{% endmacro %}

{# Field and reason of a row that is never sent, two columns. #}
{% macro selligent_invalid(keys, columns, alias) -%}
  {%- set alike = ', case and trailing blanks aside' if keys | selectattr('family', 'equalto', 'text') | list else '' -%}
  case {{ alias }}._selligent_kind
    when 'doubled' then {{ columns[0].label }}
    when 'invalid' then {{ selligent_unsendable_field(columns, alias) }}
  end as _selligent_field,
  case {{ alias }}._selligent_kind
    when 'doubled' then 'the matching key stands twice{{ alike }}'
    when 'invalid' then {{ selligent_unsendable_why(columns, alias) }}
  end as _selligent_reason
{%- endmacro %}

{#
  Rows of one group as they stand in a request body, each with the comma behind it, in order of n.
  `columns` are those that the group sends, keys first; `members` the (kind, mask) that make it up,
  as quoted SQL strings; `span` narrows it to some of its rows, `upto` to numbers not above it.
#}
{% macro selligent_rows(delta, groups, number, members, columns, span=none, upto=none) %}
select {{ selligent_number('delta') }} as _selligent_n,
  concat(cast(json_array(
    {%- for column in columns -%}
    {{ selligent_json_value(column, column.name) }}{{ ', ' if not loop.last }}
    {%- endfor -%}
  ) as varchar), ',') as _selligent_json
from {{ delta }} as delta
where {{ selligent_in_group(groups, number, members) }}
{%- if span %}
and {{ selligent_number('delta') }} between {{ span.first }} and {{ span.last }}
{%- endif %}
{%- if upto is not none %}
and {{ selligent_number('delta') }} <= {{ upto }}
{%- endif %}
{#- A filter keeps the order in which rows were staged, a join does not: only then they are sorted. #}
{%- if members | length > 4 %}
order by _selligent_n
{%- endif %}
{% endmacro %}

{% macro selligent_in_group(groups, number, members) %}
{%- if members | length <= 4 %} ({% for kind, mask in members -%}
  (_selligent_kind = {{ kind }} and _selligent_mask = {{ mask }}){{ ' or ' if not loop.last }}
{%- endfor %})
{%- else %} (_selligent_kind, _selligent_mask) in (
  select (_selligent_kind, _selligent_mask) from {{ groups }} where _selligent_group = {{ number }})
{%- endif %}
{% endmacro %}

{# The number of the last of the first `most` rows of these kinds, quoted; null where there are fewer. #}
{% macro selligent_limit(delta, kinds, most) %}
select {{ selligent_number('delta') }} from {{ delta }} as delta
where _selligent_kind in ({{ kinds | join(', ') }})
order by 1 limit 1 offset {{ most - 1 }}
{% endmacro %}

{# Of some rows of a group, those whose key is not among the keys of `listed`. #}
{% macro selligent_absent(delta, groups, number, members, span, keys, listed) %}
select {{ selligent_number('delta') }} from {{ delta }} as delta
where {{ selligent_in_group(groups, number, members) }}
and {{ selligent_number('delta') }} between {{ span.first }} and {{ span.last }}
and not exists (select 1 from {{ listed }} as listed where {{ selligent_same_key(keys, 'delta', 'listed') }})
order by 1
{% endmacro %}

{# The first rows of a kind by their values, with kind and mask; also values that no driver has a type for. #}
{% macro selligent_sample(delta, columns, kind, most, text) %}
select _selligent_kind, _selligent_mask, {{ selligent_fetched(columns, ('date', 'time'), text) }} from {{ delta }} as delta
where _selligent_kind = {{ kind }} order by {{ selligent_names(columns, 'delta') }} limit {{ most }}
{% endmacro %}

{#
  What is sent of a delta, as it is copied to where it is rendered: in the order of the numbers, of
  which none is above `upto`.
#}
{% macro selligent_sendable(delta, kinds, upto, columns, hashed, as_text, text) %}
select _selligent_n, _selligent_kind, _selligent_mask, {{ selligent_fetched(columns, as_text, text) }}
  {%- if hashed %}, _selligent_hash{% endif %}
from {{ delta }} where _selligent_kind in ({{ kinds | join(', ') }})
{%- if upto is not none %} and _selligent_n <= {{ upto }}{% endif %}
order by _selligent_n
{% endmacro %}

{# Columns as drivers are to give them: those of the families `as_text` as the type `text`. #}
{% macro selligent_fetched(columns, as_text, text) %}
  {%- for column in columns -%}
    {%- if column.family in as_text -%} cast({{ column.name }} as {{ text }}) as {{ column.name }}
    {%- else -%} {{ column.name }} {%- endif -%}{{ ', ' if not loop.last }}
  {%- endfor -%}
{% endmacro %}

{# All rows of a table of the state. #}
{% macro selligent_kept(table, columns, as_text, text) %}
select {{ selligent_fetched(columns, as_text, text) }} from {{ table }}
{% endmacro %}

{# Which rows are done with together: the groups of a plan. #}
{% macro selligent_groups(target, rows, types) %}
create table {{ target }} (_selligent_group {{ types.integer }}, _selligent_done {{ types.text }},
  _selligent_kind {{ types.text }}, _selligent_mask {{ types.text }}){{ selligent_format() }};
{%- for some in rows | batch(500) %}
insert into {{ target }}
{{ selligent_values(('_selligent_group', '_selligent_done', '_selligent_kind', '_selligent_mask'), some) }};
{%- endfor %}
{% endmacro %}

{# The spans of a run's log by kind and mask, and what was done with their rows; `done` is SQL. #}
{% macro selligent_spans(target, spans, groups, done) %}
{{ selligent_create_scratch(target) }}
select member._selligent_kind, member._selligent_mask, span.first_n, span.last_n,
  concat({{ done }}, ' ', span.outcome) as outcome
from ({{ spans }}) as span
join {{ groups }} as member on member._selligent_group = span._selligent_group
{% endmacro %}

{% macro selligent_drop(target, table) %}
drop {{ 'table' if table else 'view' }} {{ target }}
{% endmacro %}
