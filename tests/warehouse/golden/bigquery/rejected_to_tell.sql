select case when _selligent_missing then 'not found' else 'rejected' end as kind, cast(`CODE` as string) as key_1, cast(`MAIL` as string) as key_2, cast(null as string) as key_3,
  _selligent_field as field, _selligent_code as reason, _selligent_message as message,
  cast(1 as int64) as row_count, _selligent_first_seen as first_seen, _selligent_last_seen as last_seen
from `d`.`selligent`.`crm__rejected__1`
union all
select 'invalid' as kind, cast(`CODE` as string) as key_1, cast(`MAIL` as string) as key_2, cast(null as string) as key_3,
  _selligent_field as field, _selligent_reason as reason, cast(null as string) as message,
  _selligent_rows as row_count, cast(null as datetime) as first_seen, cast(null as datetime) as last_seen
from `d`.`selligent`.`crm__invalid__1`
