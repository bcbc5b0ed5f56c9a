create table `d`.`selligent`.`crm__migrations__1` (version int64, applied_at datetime);


insert into `d`.`selligent`.`crm__migrations__1` (version, applied_at)
select 3, cast('2026-01-31 12:00:00' as datetime);


create table `d`.`selligent`.`crm__meta__1` (name string, value string);


create table `d`.`selligent`.`crm__log__1` (run_id string, _selligent_group int64, first_n int64, last_n int64, outcome string);


create table `d`.`selligent`.`crm__runs__1` (run_id string, started_at datetime, finished_at datetime, status string, dbt_target string, counts string, error string, forced string);
