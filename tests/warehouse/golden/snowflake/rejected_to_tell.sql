select case when _selligent_missing then 'not found' else 'rejected' end as kind, cast("CODE" as varchar) as key_1, cast("MAIL" as varchar) as key_2, cast(null as varchar) as key_3,
  _selligent_field as field, _selligent_code as reason, _selligent_message as message,
  cast(1 as bigint) as row_count, _selligent_first_seen as first_seen, _selligent_last_seen as last_seen
from "d"."selligent"."crm__rejected__1"
union all
select 'invalid' as kind, cast("CODE" as varchar) as key_1, cast("MAIL" as varchar) as key_2, cast(null as varchar) as key_3,
  _selligent_field as field, _selligent_reason as reason, cast(null as varchar) as message,
  _selligent_rows as row_count, cast(null as timestamp_ntz) as first_seen, cast(null as timestamp_ntz) as last_seen
from "d"."selligent"."crm__invalid__1"
