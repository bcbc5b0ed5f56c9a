select cast(run_id as varchar) as run_id, cast(started_at as timestamp_ntz) as started_at, cast(finished_at as timestamp_ntz) as finished_at, cast(status as varchar) as status, cast(dbt_target as varchar) as dbt_target, cast(counts as varchar) as counts, cast(error as varchar) as error, cast(forced as varchar) as forced
from "d"."selligent"."crm__runs__1"
