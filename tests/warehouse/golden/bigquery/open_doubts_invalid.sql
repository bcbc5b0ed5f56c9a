select count(*) from `d`.`selligent`.`crm__doubt__1` as doubt
where not exists (
  select 1 from `d`.`selligent`.`crm__rejected__1` as held where doubt.`CODE` = held.`CODE` and rtrim(lower(doubt.`MAIL`), ' ') = rtrim(lower(held.`MAIL`), ' '))
and exists (select 1 from `d`.`selligent`.`crm__invalid__1` as found where doubt.`CODE` = found.`CODE` and rtrim(lower(doubt.`MAIL`), ' ') = rtrim(lower(found.`MAIL`), ' '))
