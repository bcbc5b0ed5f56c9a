create table `d`.`selligent`.`crm__runs__2` as
select run.run_id, run.started_at, run.finished_at, 'cut off' as status, run.dbt_target, run.counts, run.error, run.forced
from `d`.`selligent`.`crm__runs__1` as run where run.status = 'running'
union all
select run.run_id, run.started_at, run.finished_at, run.status, run.dbt_target, run.counts, run.error, run.forced
from `d`.`selligent`.`crm__runs__1` as run where not (run.status = 'running');
