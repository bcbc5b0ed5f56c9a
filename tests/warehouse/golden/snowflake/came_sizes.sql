with added as (
  select distinct came."CODE" as "CODE", rtrim(lower(came."MAIL"), ' ') as "MAIL" from "d"."selligent"."run__came" as came
  where not exists (
    select 1 from "d"."selligent"."run__gone" as gone where came."CODE" = gone."CODE" and rtrim(lower(came."MAIL"), ' ') = rtrim(lower(gone."MAIL"), ' '))
)
select
  (select count(*) from "d"."selligent"."run__came"),
  (select count(*) from (
  select distinct keyed."CODE" as "CODE", rtrim(lower(keyed."MAIL"), ' ') as "MAIL" from "d"."selligent"."run__came" as keyed
  where keyed."CODE" is not null and keyed."MAIL" is not null) as different),
  (select count(*) from "d"."selligent"."crm__snapshot__1" as snapshot
    where exists (select 1 from added where snapshot."CODE" = added."CODE" and rtrim(lower(snapshot."MAIL"), ' ') = rtrim(lower(added."MAIL"), ' ')))
