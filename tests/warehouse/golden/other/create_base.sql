create table "d"."selligent"."crm__migrations__1" (version bigint, applied_at timestamp);


insert into "d"."selligent"."crm__migrations__1" (version, applied_at)
select 3, cast('2026-01-31 12:00:00' as timestamp);


create table "d"."selligent"."crm__meta__1" (name varchar, value varchar);


create table "d"."selligent"."crm__log__1" (run_id varchar, _selligent_group bigint, first_n bigint, last_n bigint, outcome varchar);


create table "d"."selligent"."crm__runs__1" (run_id varchar, started_at timestamp, finished_at timestamp, status varchar, dbt_target varchar, counts varchar, error varchar, forced varchar);
