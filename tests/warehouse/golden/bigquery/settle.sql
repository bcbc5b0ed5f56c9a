create table `d`.`selligent`.`crm__doubt__2` as
select `CODE`, `MAIL` from `d`.`selligent`.`crm__doubt__1`
union all
select `CODE`, `MAIL` from (
select old.`CODE`, old.`MAIL` from `d`.`selligent`.`crm__snapshot__1` as old
where exists (select 1 from `d`.`selligent`.`crm__rejected__1` as found where old.`CODE` = found.`CODE` and rtrim(lower(old.`MAIL`), ' ') = rtrim(lower(found.`MAIL`), ' '))
and not exists (select 1 from `d`.`selligent`.`crm__doubt__1` as found where old.`CODE` = found.`CODE` and rtrim(lower(old.`MAIL`), ' ') = rtrim(lower(found.`MAIL`), ' '))
) as added;


create table `d`.`selligent`.`crm__snapshot__2` as
select old.* from `d`.`selligent`.`crm__snapshot__1` as old where not (exists (select 1 from `d`.`selligent`.`crm__rejected__1` as found where old.`CODE` = found.`CODE` and rtrim(lower(old.`MAIL`), ' ') = rtrim(lower(found.`MAIL`), ' ')));


create table `d`.`selligent`.`crm__doubt__3` as
select old.* from `d`.`selligent`.`crm__doubt__2` as old where not (exists (select 1 from `d`.`selligent`.`crm__rejected__1` as found where found._selligent_missing and old.`CODE` = found.`CODE` and rtrim(lower(old.`MAIL`), ' ') = rtrim(lower(found.`MAIL`), ' ')));


create table `d`.`selligent`.`crm__snapshot__3` as
select old.* from `d`.`selligent`.`crm__snapshot__2` as old where not (exists (select 1 from (
  select delta.`CODE`, delta.`MAIL`
  from `d`.`selligent`.`run__delta` as delta
  join `d`.`selligent`.`run__spans` as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'record answered'
  and not exists (select 1 from `d`.`selligent`.`crm__rejected__1` as refused
    where delta.`CODE` = refused.`CODE` and rtrim(lower(delta.`MAIL`), ' ') = rtrim(lower(refused.`MAIL`), ' '))
) as added where old.`CODE` = added.`CODE` and rtrim(lower(old.`MAIL`), ' ') = rtrim(lower(added.`MAIL`), ' ')));


create table `d`.`selligent`.`crm__doubt__4` as
select old.* from `d`.`selligent`.`crm__doubt__3` as old where not (exists (select 1 from (
  select delta.`CODE`, delta.`MAIL`
  from `d`.`selligent`.`run__delta` as delta
  join `d`.`selligent`.`run__spans` as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'record answered'
  and not exists (select 1 from `d`.`selligent`.`crm__rejected__1` as refused
    where delta.`CODE` = refused.`CODE` and rtrim(lower(delta.`MAIL`), ' ') = rtrim(lower(refused.`MAIL`), ' '))
) as added where old.`CODE` = added.`CODE` and rtrim(lower(old.`MAIL`), ' ') = rtrim(lower(added.`MAIL`), ' ')));


create table `d`.`selligent`.`crm__adopted__2` as
select old.* from `d`.`selligent`.`crm__adopted__1` as old where not (exists (select 1 from (
  select delta.`CODE`, delta.`MAIL`
  from `d`.`selligent`.`run__delta` as delta
  join `d`.`selligent`.`run__spans` as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'record answered'
  and not exists (select 1 from `d`.`selligent`.`crm__rejected__1` as refused
    where delta.`CODE` = refused.`CODE` and rtrim(lower(delta.`MAIL`), ' ') = rtrim(lower(refused.`MAIL`), ' '))
) as added where old.`CODE` = added.`CODE` and rtrim(lower(old.`MAIL`), ' ') = rtrim(lower(added.`MAIL`), ' ')));


create table `d`.`selligent`.`crm__snapshot__4` as
select `CODE`, `MAIL`, `FLAG`, `FLAG_NUMBER`, `COUNT`, `COUNT_TEXT`, `PRICE`, `PRICE_FLOAT`, `REAL`, `RATIO`, `CHOICE`, `DAY`, `DAY_TIME`, `AT`, `SEEN`, `_selligent_member` from `d`.`selligent`.`crm__snapshot__3`
union all
select `CODE`, `MAIL`, `FLAG`, `FLAG_NUMBER`, `COUNT`, `COUNT_TEXT`, `PRICE`, `PRICE_FLOAT`, `REAL`, `RATIO`, `CHOICE`, `DAY`, `DAY_TIME`, `AT`, `SEEN`, `_selligent_member` from (
  select delta.`CODE`, delta.`MAIL`, delta.`FLAG`, delta.`FLAG_NUMBER`, delta.`COUNT`, delta.`COUNT_TEXT`, delta.`PRICE`, delta.`PRICE_FLOAT`, delta.`REAL`, delta.`RATIO`, delta.`CHOICE`, delta.`DAY`, delta.`DAY_TIME`, delta.`AT`, delta.`SEEN`, delta.`_selligent_member`
  from `d`.`selligent`.`run__delta` as delta
  join `d`.`selligent`.`run__spans` as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'record answered'
  and not exists (select 1 from `d`.`selligent`.`crm__rejected__1` as refused
    where delta.`CODE` = refused.`CODE` and rtrim(lower(delta.`MAIL`), ' ') = rtrim(lower(refused.`MAIL`), ' '))
) as added;


create table `d`.`selligent`.`crm__snapshot__5` as
select old.* from `d`.`selligent`.`crm__snapshot__4` as old where not (exists (select 1 from (
  select delta.`CODE`, delta.`MAIL`
  from `d`.`selligent`.`run__delta` as delta
  join `d`.`selligent`.`run__spans` as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'record in doubt'
  and not exists (select 1 from `d`.`selligent`.`crm__rejected__1` as refused
    where delta.`CODE` = refused.`CODE` and rtrim(lower(delta.`MAIL`), ' ') = rtrim(lower(refused.`MAIL`), ' '))
) as added where old.`CODE` = added.`CODE` and rtrim(lower(old.`MAIL`), ' ') = rtrim(lower(added.`MAIL`), ' ')));


create table `d`.`selligent`.`crm__doubt__5` as
select old.* from `d`.`selligent`.`crm__doubt__4` as old where not (exists (select 1 from (
  select delta.`CODE`, delta.`MAIL`
  from `d`.`selligent`.`run__delta` as delta
  join `d`.`selligent`.`run__spans` as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'record in doubt'
  and not exists (select 1 from `d`.`selligent`.`crm__rejected__1` as refused
    where delta.`CODE` = refused.`CODE` and rtrim(lower(delta.`MAIL`), ' ') = rtrim(lower(refused.`MAIL`), ' '))
) as added where old.`CODE` = added.`CODE` and rtrim(lower(old.`MAIL`), ' ') = rtrim(lower(added.`MAIL`), ' ')));


create table `d`.`selligent`.`crm__doubt__6` as
select `CODE`, `MAIL` from `d`.`selligent`.`crm__doubt__5`
union all
select `CODE`, `MAIL` from (
  select delta.`CODE`, delta.`MAIL`
  from `d`.`selligent`.`run__delta` as delta
  join `d`.`selligent`.`run__spans` as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'record in doubt'
  and not exists (select 1 from `d`.`selligent`.`crm__rejected__1` as refused
    where delta.`CODE` = refused.`CODE` and rtrim(lower(delta.`MAIL`), ' ') = rtrim(lower(refused.`MAIL`), ' '))
) as added;


create table `d`.`selligent`.`crm__snapshot__6` as
select old.* from `d`.`selligent`.`crm__snapshot__5` as old where not (exists (select 1 from (
  select delta.`CODE`, delta.`MAIL`
  from `d`.`selligent`.`run__delta` as delta
  join `d`.`selligent`.`run__spans` as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'removal answered'
  and not exists (select 1 from `d`.`selligent`.`crm__rejected__1` as refused
    where delta.`CODE` = refused.`CODE` and rtrim(lower(delta.`MAIL`), ' ') = rtrim(lower(refused.`MAIL`), ' '))
) as added where old.`CODE` = added.`CODE` and rtrim(lower(old.`MAIL`), ' ') = rtrim(lower(added.`MAIL`), ' ')));


create table `d`.`selligent`.`crm__doubt__7` as
select old.* from `d`.`selligent`.`crm__doubt__6` as old where not (exists (select 1 from (
  select delta.`CODE`, delta.`MAIL`
  from `d`.`selligent`.`run__delta` as delta
  join `d`.`selligent`.`run__spans` as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'removal answered'
  and not exists (select 1 from `d`.`selligent`.`crm__rejected__1` as refused
    where delta.`CODE` = refused.`CODE` and rtrim(lower(delta.`MAIL`), ' ') = rtrim(lower(refused.`MAIL`), ' '))
) as added where old.`CODE` = added.`CODE` and rtrim(lower(old.`MAIL`), ' ') = rtrim(lower(added.`MAIL`), ' ')));


create table `d`.`selligent`.`crm__adopted__3` as
select old.* from `d`.`selligent`.`crm__adopted__2` as old where not (exists (select 1 from (
  select delta.`CODE`, delta.`MAIL`
  from `d`.`selligent`.`run__delta` as delta
  join `d`.`selligent`.`run__spans` as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'removal answered'
  and not exists (select 1 from `d`.`selligent`.`crm__rejected__1` as refused
    where delta.`CODE` = refused.`CODE` and rtrim(lower(delta.`MAIL`), ' ') = rtrim(lower(refused.`MAIL`), ' '))
) as added where old.`CODE` = added.`CODE` and rtrim(lower(old.`MAIL`), ' ') = rtrim(lower(added.`MAIL`), ' ')));


create table `d`.`selligent`.`crm__snapshot__7` as
select old.* from `d`.`selligent`.`crm__snapshot__6` as old where not (exists (select 1 from (
  select delta.`CODE`, delta.`MAIL`
  from `d`.`selligent`.`run__delta` as delta
  join `d`.`selligent`.`run__spans` as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'removal in doubt'
  and not exists (select 1 from `d`.`selligent`.`crm__rejected__1` as refused
    where delta.`CODE` = refused.`CODE` and rtrim(lower(delta.`MAIL`), ' ') = rtrim(lower(refused.`MAIL`), ' '))
) as added where old.`CODE` = added.`CODE` and rtrim(lower(old.`MAIL`), ' ') = rtrim(lower(added.`MAIL`), ' ')));


create table `d`.`selligent`.`crm__doubt__8` as
select old.* from `d`.`selligent`.`crm__doubt__7` as old where not (exists (select 1 from (
  select delta.`CODE`, delta.`MAIL`
  from `d`.`selligent`.`run__delta` as delta
  join `d`.`selligent`.`run__spans` as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'removal in doubt'
  and not exists (select 1 from `d`.`selligent`.`crm__rejected__1` as refused
    where delta.`CODE` = refused.`CODE` and rtrim(lower(delta.`MAIL`), ' ') = rtrim(lower(refused.`MAIL`), ' '))
) as added where old.`CODE` = added.`CODE` and rtrim(lower(old.`MAIL`), ' ') = rtrim(lower(added.`MAIL`), ' ')));


create table `d`.`selligent`.`crm__doubt__9` as
select `CODE`, `MAIL` from `d`.`selligent`.`crm__doubt__8`
union all
select `CODE`, `MAIL` from (
  select delta.`CODE`, delta.`MAIL`
  from `d`.`selligent`.`run__delta` as delta
  join `d`.`selligent`.`run__spans` as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'removal in doubt'
  and not exists (select 1 from `d`.`selligent`.`crm__rejected__1` as refused
    where delta.`CODE` = refused.`CODE` and rtrim(lower(delta.`MAIL`), ' ') = rtrim(lower(refused.`MAIL`), ' '))
) as added;



create table `d`.`selligent`.`crm__snapshot__8` as
select record.`CODE`, record.`MAIL`, record.`FLAG`, record.`FLAG_NUMBER`, record.`COUNT`, record.`COUNT_TEXT`, record.`PRICE`, record.`PRICE_FLOAT`, record.`REAL`, record.`RATIO`, record.`CHOICE`, record.`DAY`, record.`DAY_TIME`, record.`AT`, record.`SEEN`, cast(true as bool) as `_selligent_member`
from `d`.`selligent`.`crm__snapshot__7` as record where exists (select 1 from (
  select delta.`CODE`, delta.`MAIL`
  from `d`.`selligent`.`run__delta` as delta
  join `d`.`selligent`.`run__spans` as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'member answered'
) as added where record.`CODE` = added.`CODE` and rtrim(lower(record.`MAIL`), ' ') = rtrim(lower(added.`MAIL`), ' '))
union all
select record.`CODE`, record.`MAIL`, record.`FLAG`, record.`FLAG_NUMBER`, record.`COUNT`, record.`COUNT_TEXT`, record.`PRICE`, record.`PRICE_FLOAT`, record.`REAL`, record.`RATIO`, record.`CHOICE`, record.`DAY`, record.`DAY_TIME`, record.`AT`, record.`SEEN`, record.`_selligent_member`
from `d`.`selligent`.`crm__snapshot__7` as record where not (exists (select 1 from (
  select delta.`CODE`, delta.`MAIL`
  from `d`.`selligent`.`run__delta` as delta
  join `d`.`selligent`.`run__spans` as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'member answered'
) as added where record.`CODE` = added.`CODE` and rtrim(lower(record.`MAIL`), ' ') = rtrim(lower(added.`MAIL`), ' ')));


create table `d`.`selligent`.`crm__snapshot__9` as
select record.`CODE`, record.`MAIL`, record.`FLAG`, record.`FLAG_NUMBER`, record.`COUNT`, record.`COUNT_TEXT`, record.`PRICE`, record.`PRICE_FLOAT`, record.`REAL`, record.`RATIO`, record.`CHOICE`, record.`DAY`, record.`DAY_TIME`, record.`AT`, record.`SEEN`, cast(null as bool) as `_selligent_member`
from `d`.`selligent`.`crm__snapshot__8` as record where exists (select 1 from (
  select delta.`CODE`, delta.`MAIL`
  from `d`.`selligent`.`run__delta` as delta
  join `d`.`selligent`.`run__spans` as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'member in doubt'
) as added where record.`CODE` = added.`CODE` and rtrim(lower(record.`MAIL`), ' ') = rtrim(lower(added.`MAIL`), ' '))
union all
select record.`CODE`, record.`MAIL`, record.`FLAG`, record.`FLAG_NUMBER`, record.`COUNT`, record.`COUNT_TEXT`, record.`PRICE`, record.`PRICE_FLOAT`, record.`REAL`, record.`RATIO`, record.`CHOICE`, record.`DAY`, record.`DAY_TIME`, record.`AT`, record.`SEEN`, record.`_selligent_member`
from `d`.`selligent`.`crm__snapshot__8` as record where not (exists (select 1 from (
  select delta.`CODE`, delta.`MAIL`
  from `d`.`selligent`.`run__delta` as delta
  join `d`.`selligent`.`run__spans` as span
    on span._selligent_kind = delta._selligent_kind and span._selligent_mask = delta._selligent_mask
    and delta._selligent_n between span.first_n and span.last_n
  where span.outcome = 'member in doubt'
) as added where record.`CODE` = added.`CODE` and rtrim(lower(record.`MAIL`), ' ') = rtrim(lower(added.`MAIL`), ' ')));
