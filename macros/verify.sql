{#
  A list read back and compared with the snapshot. `listed` and `members` are temporary tables of
  its records and of those that are in the segment: typed keys, every other value as the text that
  Selligent told, and Selligent's own id of the record, by which one that was read twice is known.
#}

{% macro selligent_listed(target, keys, fields) %}
create or replace temp table {{ target }} (
  {%- for key in keys %}{{ key.name }} {{ key.type }}, {% endfor %}
  {%- for field in fields %}{{ field.name }} varchar, {% endfor -%}
  _selligent_id varchar
)
{% endmacro %}

{# A page of texts: the columns column0, column1 and so on, in the order of the target's. #}
{% macro selligent_listed_page(target, page, keys, fields) %}
insert into {{ target }}
select
  {%- for key in keys %} try_cast({{ selligent_read_back(key, 'column' ~ loop.index0) }} as {{ key.type }}), {% endfor %}
  {%- for field in fields %} column{{ keys | length + loop.index0 }}, {% endfor -%}
  column{{ (keys + fields) | length }}
from {{ page }}
{% endmacro %}

{# Records that were read twice, as may happen where others write to the list meanwhile. #}
{% macro selligent_listed_twice(listed) %}
select count(_selligent_id) - count(distinct _selligent_id) from {{ listed }}
{% endmacro %}

{% macro selligent_listed_once(listed) %}
delete from {{ listed }} as listed
where _selligent_id is not null and {{ selligent_number('listed') }} not in (
  select min({{ selligent_number('one') }}) from {{ listed }} as one group by _selligent_id)
{% endmacro %}

{# The value of a text that Selligent told, or null where it is none of the column's type. #}
{% macro selligent_read_back(column, text) %}
  {{- adapter.dispatch('selligent_read_back', 'dbt_selligent')(column, text) -}}
{% endmacro %}

{% macro default__selligent_read_back(column, text) %}
  {%- if column.family in ('integer', 'huge') -%}
    {#- A cast alone would round 5.4 to 5. -#}
    case when try_cast({{ text }} as decimal(38, 9)) = try_cast({{ text }} as {{ column.type }}) then try_cast({{ text }} as {{ column.type }}) end
  {%- elif column.family in ('float', 'decimal') -%} try_cast({{ text }} as double)
  {%- elif column.family == 'date' -%} try_cast(try_cast({{ text }} as timestamp) as date)
  {%- elif column.family in ('text', 'json') -%} {{ text }}
  {%- else -%} try_cast({{ text }} as {{ column.type }})
  {%- endif -%}
{% endmacro %}

{# A settled value, or one that was read back, as the two are compared. #}
{% macro selligent_stored(column, value) %}
  {{- adapter.dispatch('selligent_stored', 'dbt_selligent')(column, value) -}}
{% endmacro %}

{% macro default__selligent_stored(column, value) %}
  {%- if column.family == 'decimal' -%} {{ selligent_rounded('cast(' ~ value ~ ' as double)', 15) }}
  {%- elif column.family == 'time' -%} date_trunc('millisecond', {{ value }})
  {%- elif column.family == 'json' -%} case when json_valid({{ value }}) then cast(json({{ value }}) as varchar) else {{ value }} end
  {%- else -%} {{ value }}
  {%- endif -%}
{% endmacro %}

{#
  Whether a value of the snapshot, not null, and one that was read back are alike. A float was settled to 12
  digits or to 15, as its column was: none of 15 is rounded to 12 ever.
#}
{% macro selligent_alike(column, kept, told) %}
  {%- if column.family == 'float' -%}
    {{ selligent_rounded(kept, 15) }} in ({{ selligent_rounded(told, 12) }}, {{ selligent_rounded(told, 15) }})
  {%- else -%} {{ selligent_stored(column, kept) }} = {{ selligent_stored(column, told) }}
  {%- endif -%}
{% endmacro %}

{# Keys that several records of the list have. #}
{% macro selligent_listed_doubled(target, listed, keys) %}
create or replace temp table {{ target }} as
select {{ selligent_canonical_names(keys, 'listed') }}
from {{ listed }} as listed
where {{ selligent_key_given(keys, 'listed') }}
group by
  {%- for key in keys %} {{ selligent_canonical(key, 'listed.' ~ key.name) }}{{ ',' if not loop.last }}{% endfor %}
having count(*) > 1
{% endmacro %}

{#
  A row for each of the snapshot: its keys, and
    _selligent_verdict     same | missing | different | doubled (it cannot be told from another)
    _selligent_mask        of a different one, a 1 for each field that differs, in their order
    _selligent_membership  right | doubt (in the snapshot too) | absent | unexpected
  With `skip` a null of the snapshot was never sent: it says nothing. `members` is none where there
  is no segment.
#}
{% macro selligent_verdicts(target, state, listed, doubled, members, keys, fields, member, skip) %}
  {{- adapter.dispatch('selligent_verdicts', 'dbt_selligent')(target, state, listed, doubled, members, keys, fields, member, skip) -}}
{% endmacro %}

{% macro default__selligent_verdicts(target, state, listed, doubled, members, keys, fields, member, skip) %}
create or replace temp table {{ target }} as
with record as (
  select {{ selligent_names(keys) }}
    {%- for field in fields %},
    {{ selligent_read_back(field, field.name) }} as {{ field.name }},
    {{ field.name }} is null as _selligent_null_{{ loop.index }}
    {%- endfor %}
  from {{ listed }} as listed
  where not exists (
    select 1 from {{ doubled }} as doubled where {{ selligent_same_key(keys, 'listed', 'doubled') }})
),
compared as (
  select
    {{ selligent_names(keys, 'kept') }},
    exists (select 1 from {{ doubled }} as doubled where {{ selligent_same_key(keys, 'kept', 'doubled') }}) as _selligent_doubled,
    record.{{ keys[0].name }} is not null as _selligent_there,
    concat(''
    {%- for field in fields %},
      case when kept.{{ field.name }} is null
        then case when {{ 'true' if skip else 'record._selligent_null_' ~ loop.index }} then '0' else '1' end
        when {{ selligent_alike(field, 'kept.' ~ field.name, 'record.' ~ field.name) }}
        then '0' else '1' end
    {%- endfor %}) as _selligent_mask,
    {%- if members %}
    kept.{{ member[0].name }} as _selligent_joined,
    exists (select 1 from {{ members }} as members where {{ selligent_same_key(keys, 'kept', 'members') }}) as _selligent_in
    {%- else %}
    false as _selligent_joined, false as _selligent_in
    {%- endif %}
  from {{ state.snapshot }} as kept
  left join record on {{ selligent_same_key(keys, 'kept', 'record') }}
),
judged as (
  select *,
    case when _selligent_doubled then 'doubled'
      when not _selligent_there then 'missing'
      when contains(_selligent_mask, '1') then 'different'
      else 'same' end as _selligent_verdict
  from compared
)
select {{ selligent_names(keys) }}, _selligent_verdict,
  case _selligent_verdict when 'different' then _selligent_mask else '' end as _selligent_mask,
  {#- A record that is not there is no member: that is said once. #}
  case when _selligent_verdict = 'missing' or _selligent_joined = _selligent_in then 'right'
    when _selligent_joined is null then 'doubt'
    when _selligent_joined then 'absent'
    else 'unexpected' end as _selligent_membership
from judged
{% endmacro %}

{# How many rows there are of each kind. #}
{% macro selligent_verdict_counts(verdicts) %}
select _selligent_verdict, _selligent_mask, _selligent_membership, count(*)
from {{ verdicts }} group by all order by all
{% endmacro %}

{# Rows in doubt, but for those that are held: these are told as such; of the rest, those that are `invalid`. #}
{% macro selligent_open_doubts(state, keys, invalid=false) %}
select count(*) from {{ state.doubt }} as doubt
where not exists (
  select 1 from {{ state.rejected }} as held where {{ selligent_same_key(keys, 'doubt', 'held') }})
{%- if invalid %}
and {{ selligent_in_table(state.invalid, keys, 'doubt') }}
{%- endif %}
{% endmacro %}

{# Records of which the state knows nothing. #}
{% macro selligent_foreign(listed, state, keys) %}
from {{ listed }} as listed
{%- for table in ('snapshot', 'doubt', 'rejected') %}
{{ 'where' if loop.first else 'and' }} not exists (
  select 1 from {{ state[table] }} as known where {{ selligent_same_key(keys, 'listed', 'known') }})
{%- endfor %}
{% endmacro %}

{% macro selligent_foreign_count(listed, state, keys) %}
select count(*) {{ selligent_foreign(listed, state, keys) }}
{% endmacro %}

{# Keys as texts, of the first rows of a table by their keys; `where` narrows it. #}
{% macro selligent_key_sample(table, keys, most, where='') %}
select {{ selligent_texts(keys, 'chosen') }}
from (select {{ selligent_names(keys) }} from {{ table }} {{ where }} order by all limit {{ most }}) as chosen
order by {{ selligent_names(keys, 'chosen') }}
{% endmacro %}

{% macro selligent_foreign_sample(listed, state, keys, most) %}
select {{ selligent_texts(keys, 'chosen') }}
from (
  select {{ selligent_names(keys, 'listed') }} {{ selligent_foreign(listed, state, keys) }}
  order by all limit {{ most }}) as chosen
order by {{ selligent_names(keys, 'chosen') }}
{% endmacro %}

{# Keys as texts, the mask, and of each field the value as it was sent and as it was told. #}
{% macro selligent_different_sample(verdicts, listed, state, keys, fields, most) %}
with chosen as (
  select {{ selligent_names(keys) }}, _selligent_mask from {{ verdicts }}
  where _selligent_verdict = 'different' order by all limit {{ most }}
)
select {{ selligent_texts(keys, 'chosen') }}, chosen._selligent_mask
  {%- for field in fields %},
  cast({{ selligent_json_value(field, 'kept.' ~ field.name) }} as varchar), listed.{{ field.name }}
  {%- endfor %}
from chosen
join {{ state.snapshot }} as kept on {{ selligent_same_key(keys, 'chosen', 'kept') }}
join {{ listed }} as listed on {{ selligent_same_key(keys, 'chosen', 'listed') }}
order by {{ selligent_names(keys, 'chosen') }}
{% endmacro %}

{% macro selligent_texts(columns, alias) %}
  {%- for column in columns -%}
    cast({{ alias }}.{{ column.name }} as varchar){{ ', ' if not loop.last }}
  {%- endfor -%}
{% endmacro %}

{#
  What the verdicts found wrong is in doubt, all of it or nothing: to be run in one transaction.
  `columns` are those of the snapshot.
#}
{% macro selligent_put_in_doubt(state, verdicts, keys, columns, member) %}
{%- set missing = "found._selligent_verdict in ('missing', 'different')" %}
{{ selligent_insert(state, 'doubt', selligent_names(keys), selligent_wrong(verdicts, keys, missing)) }}
{{ selligent_delete(state, 'snapshot', 'kept', selligent_in_table(verdicts, keys, 'kept', missing)) }}
{%- for column in member %}
{{ selligent_update(state, 'snapshot', 'kept', columns | map(attribute='name') | list, {column.name: selligent_null(column.type)},
  selligent_in_table(verdicts, keys, 'kept', "found._selligent_membership in ('absent', 'unexpected')")) }}
{%- endfor %}
{% endmacro %}

{% macro selligent_wrong(verdicts, keys, condition) %}
select {{ selligent_names(keys, 'found') }} from {{ verdicts }} as found where {{ condition }}
{% endmacro %}

{# An empty table of verdicts, where the state's tables are. #}
{% macro selligent_create_verdicts(target, keys, types) %}
create table {{ target }} ({{ selligent_typed(keys) }}, _selligent_verdict {{ types.text }}, _selligent_membership {{ types.text }}){{ selligent_format() }}
{% endmacro %}
