create table `d`.`selligent`.`crm__runs__2` as
select run_id, started_at, finished_at, status, dbt_target, counts, error, forced from `d`.`selligent`.`crm__runs__1`
union all
select run_id, started_at, finished_at, status, dbt_target, counts, error, forced from (
select 'r1' as run_id, cast('2026-01-31 12:00:00' as datetime) as started_at, cast(null as datetime) as finished_at, 'it\'s \\' as status, cast(null as string) as dbt_target, cast(null as string) as counts, cast(null as string) as error, cast(null as string) as forced
) as added;
