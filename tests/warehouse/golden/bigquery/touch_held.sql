create table `d`.`selligent`.`crm__rejected__2` as
select held.`CODE`, held.`MAIL`, held._selligent_hash, held._selligent_field, held._selligent_code, held._selligent_message, held._selligent_first_seen, cast('2026-01-31 12:00:00' as datetime) as _selligent_last_seen, held._selligent_missing
from `d`.`selligent`.`crm__rejected__1` as held where true
union all
select held.`CODE`, held.`MAIL`, held._selligent_hash, held._selligent_field, held._selligent_code, held._selligent_message, held._selligent_first_seen, held._selligent_last_seen, held._selligent_missing
from `d`.`selligent`.`crm__rejected__1` as held where not (true);
