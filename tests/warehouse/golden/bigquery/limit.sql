select delta._selligent_n from `d`.`selligent`.`run__delta` as delta
where _selligent_kind in ('new', 'changed')
order by 1 limit 1 offset 99
