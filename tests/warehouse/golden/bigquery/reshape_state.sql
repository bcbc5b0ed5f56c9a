create table `d`.`selligent`.`crm__doubt__2` as

select `CODE` as `CODE`, `MAIL` as `MAIL`
from `d`.`selligent`.`crm__doubt__1`
where `CODE` is not null and `MAIL` is not null
;


create table `d`.`selligent`.`crm__invalid__2` as

select `CODE` as `CODE`, `MAIL` as `MAIL`, `_selligent_field`, `_selligent_reason`, `_selligent_rows`
from `d`.`selligent`.`crm__invalid__1`
;


create table `d`.`selligent`.`crm__adopted__2` as

select `CODE` as `CODE`, `MAIL` as `MAIL`
from `d`.`selligent`.`crm__adopted__1`
where `CODE` is not null and `MAIL` is not null
;


create table `d`.`selligent`.`crm__doubt__3` as
select `CODE`, `MAIL` from `d`.`selligent`.`crm__doubt__2`
union all
select `CODE`, `MAIL` from (
select `CODE` as `CODE`, `MAIL` as `MAIL`
from `d`.`selligent`.`crm__snapshot__1`
where ((`COUNT` is not null and cast(case when cast(case when abs(round(safe_cast(`COUNT` as bignumeric), 0)) < bignumeric '1e38' then safe_cast(round(safe_cast(`COUNT` as bignumeric), 0) as bignumeric) end as string) is not distinct from `COUNT`
         then case when abs(round(safe_cast(`COUNT` as bignumeric), 0)) < bignumeric '1e38' then safe_cast(round(safe_cast(`COUNT` as bignumeric), 0) as bignumeric) end end as bignumeric) is null) or (`PRICE` is not null and cast(case when case when abs(round(safe_cast(case when abs(round(safe_cast(`PRICE` as bignumeric), 2)) < bignumeric '1e8' then safe_cast(round(safe_cast(`PRICE` as bignumeric), 2) as numeric) end as bignumeric), 3)) < bignumeric '1e9' then safe_cast(round(safe_cast(case when abs(round(safe_cast(`PRICE` as bignumeric), 2)) < bignumeric '1e8' then safe_cast(round(safe_cast(`PRICE` as bignumeric), 2) as numeric) end as bignumeric), 3) as numeric) end is not distinct from `PRICE`
         then case when abs(round(safe_cast(`PRICE` as bignumeric), 2)) < bignumeric '1e8' then safe_cast(round(safe_cast(`PRICE` as bignumeric), 2) as numeric) end end as numeric) is null) or false) and `CODE` is not null and `MAIL` is not null
) as added;


create table `d`.`selligent`.`crm__snapshot__2` as

select
  `CODE` as `CODE`,
  `MAIL` as `MAIL`,
  `FLAG` as `FLAG`,
  `FLAG_NUMBER` as `FLAG_NUMBER`,
  cast(case when cast(case when abs(round(safe_cast(`COUNT` as bignumeric), 0)) < bignumeric '1e38' then safe_cast(round(safe_cast(`COUNT` as bignumeric), 0) as bignumeric) end as string) is not distinct from `COUNT`
         then case when abs(round(safe_cast(`COUNT` as bignumeric), 0)) < bignumeric '1e38' then safe_cast(round(safe_cast(`COUNT` as bignumeric), 0) as bignumeric) end end as bignumeric) as `COUNT`,
  `COUNT_TEXT` as `COUNT_TEXT`,
  cast(case when case when abs(round(safe_cast(case when abs(round(safe_cast(`PRICE` as bignumeric), 2)) < bignumeric '1e8' then safe_cast(round(safe_cast(`PRICE` as bignumeric), 2) as numeric) end as bignumeric), 3)) < bignumeric '1e9' then safe_cast(round(safe_cast(case when abs(round(safe_cast(`PRICE` as bignumeric), 2)) < bignumeric '1e8' then safe_cast(round(safe_cast(`PRICE` as bignumeric), 2) as numeric) end as bignumeric), 3) as numeric) end is not distinct from `PRICE`
         then case when abs(round(safe_cast(`PRICE` as bignumeric), 2)) < bignumeric '1e8' then safe_cast(round(safe_cast(`PRICE` as bignumeric), 2) as numeric) end end as numeric) as `PRICE`,
  `PRICE_FLOAT` as `PRICE_FLOAT`,
  `REAL` as `REAL`,
  cast(null as float64) as `RATIO`,
  `CHOICE` as `CHOICE`,
  `DAY` as `DAY`,
  `DAY_TIME` as `DAY_TIME`,
  `AT` as `AT`,
  `SEEN` as `SEEN`,
  `_selligent_member` as `_selligent_member`
from `d`.`selligent`.`crm__snapshot__1`
where not ((`COUNT` is not null and cast(case when cast(case when abs(round(safe_cast(`COUNT` as bignumeric), 0)) < bignumeric '1e38' then safe_cast(round(safe_cast(`COUNT` as bignumeric), 0) as bignumeric) end as string) is not distinct from `COUNT`
         then case when abs(round(safe_cast(`COUNT` as bignumeric), 0)) < bignumeric '1e38' then safe_cast(round(safe_cast(`COUNT` as bignumeric), 0) as bignumeric) end end as bignumeric) is null) or (`PRICE` is not null and cast(case when case when abs(round(safe_cast(case when abs(round(safe_cast(`PRICE` as bignumeric), 2)) < bignumeric '1e8' then safe_cast(round(safe_cast(`PRICE` as bignumeric), 2) as numeric) end as bignumeric), 3)) < bignumeric '1e9' then safe_cast(round(safe_cast(case when abs(round(safe_cast(`PRICE` as bignumeric), 2)) < bignumeric '1e8' then safe_cast(round(safe_cast(`PRICE` as bignumeric), 2) as numeric) end as bignumeric), 3) as numeric) end is not distinct from `PRICE`
         then case when abs(round(safe_cast(`PRICE` as bignumeric), 2)) < bignumeric '1e8' then safe_cast(round(safe_cast(`PRICE` as bignumeric), 2) as numeric) end end as numeric) is null) or false)
;
