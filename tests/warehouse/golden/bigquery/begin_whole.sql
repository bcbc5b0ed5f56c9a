create table `d`.`selligent`.`crm__doubt__2` as
select `CODE`, `MAIL` from `d`.`selligent`.`crm__doubt__1`
union all
select `CODE`, `MAIL` from (select kept.`CODE`, kept.`MAIL` from `d`.`selligent`.`crm__snapshot__1` as kept where true) as added;


create table `d`.`selligent`.`crm__snapshot__2` as
select kept.* from `d`.`selligent`.`crm__snapshot__1` as kept where not (true);
