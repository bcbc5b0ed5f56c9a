select
  (select count(*) from `d`.`selligent`.`run__delta`),
  (select count(*) from `d`.`selligent`.`run__delta` as delta where delta.`CODE` is not null and delta.`MAIL` is not null),
  (select count(*) from (
  select distinct keyed.`CODE` as `CODE`, rtrim(lower(keyed.`MAIL`), ' ') as `MAIL` from `d`.`selligent`.`run__delta` as keyed
  where keyed.`CODE` is not null and keyed.`MAIL` is not null) as different)
