create table "d"."selligent"."run__groups" (_selligent_group bigint, _selligent_done varchar,
  _selligent_kind varchar, _selligent_mask varchar);
insert into "d"."selligent"."run__groups"

select 0 as _selligent_group, 'record' as _selligent_done, 'new' as _selligent_kind, '' as _selligent_mask union all
select 1 as _selligent_group, 'member' as _selligent_done, 'changed' as _selligent_kind, '0101' as _selligent_mask
;
