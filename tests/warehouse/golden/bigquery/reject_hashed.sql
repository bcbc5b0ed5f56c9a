insert into `d`.`selligent`.`crm__rejected__1` (`CODE`, `MAIL`, _selligent_hash, _selligent_field, _selligent_code,
  _selligent_message, _selligent_first_seen, _selligent_last_seen, _selligent_missing)

select refused.`CODE`, refused.`MAIL`,
  case when refused._selligent_kind not in ('removed', 'spared') then
    refused._selligent_hash end,
  said.field, said.code, said.message, cast('2026-01-31 12:00:00' as datetime), cast('2026-01-31 12:00:00' as datetime), said.missing
from `d`.`selligent`.`run__delta` as refused
join (select 7 as n, cast('x' as string) as field, cast('x' as string) as code, cast('x' as string) as message, true as missing) as said
on refused._selligent_n = said.n
where not exists (select 1 from `d`.`selligent`.`crm__rejected__1` as found where refused.`CODE` = found.`CODE` and rtrim(lower(refused.`MAIL`), ' ') = rtrim(lower(found.`MAIL`), ' '))
;
