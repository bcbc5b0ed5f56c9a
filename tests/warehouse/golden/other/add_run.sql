create table "d"."selligent"."crm__runs__2" as
select run_id, started_at, finished_at, status, dbt_target, counts, error, forced from "d"."selligent"."crm__runs__1"
union all
select run_id, started_at, finished_at, status, dbt_target, counts, error, forced from (
select 'r1' as run_id, cast('2026-01-31 12:00:00' as timestamp) as started_at, cast(null as timestamp) as finished_at, 'it''s \' as status, cast(null as varchar) as dbt_target, cast(null as varchar) as counts, cast(null as varchar) as error, cast(null as varchar) as forced
) as added;
