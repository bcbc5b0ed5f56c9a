insert into `d`.`selligent`.`crm__doubt__1` (`CODE`, `MAIL`)

select refused.`CODE`, refused.`MAIL` from `d`.`selligent`.`run__delta` as refused
where refused._selligent_n in (select 7 as n union all select 9 as n)
and not exists (select 1 from `d`.`selligent`.`crm__doubt__1` as found where refused.`CODE` = found.`CODE` and rtrim(lower(refused.`MAIL`), ' ') = rtrim(lower(found.`MAIL`), ' '))
;
