select cast(run_id as string) as run_id, cast(started_at as datetime) as started_at, cast(finished_at as datetime) as finished_at, cast(status as string) as status, cast(dbt_target as string) as dbt_target, cast(counts as string) as counts, cast(error as string) as error, cast(forced as string) as forced
from `d`.`selligent`.`crm__runs__1`
