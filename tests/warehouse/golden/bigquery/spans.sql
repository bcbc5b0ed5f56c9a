create table `d`.`selligent`.`run__spans` as
select member._selligent_kind, member._selligent_mask, span.first_n, span.last_n,
  concat(member._selligent_done, ' ', span.outcome) as outcome
from (select 0 as _selligent_group, 1 as first_n, 9 as last_n, 'answered' as outcome) as span
join `d`.`selligent`.`run__groups` as member on member._selligent_group = span._selligent_group
