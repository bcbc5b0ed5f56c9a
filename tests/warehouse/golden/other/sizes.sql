select
  (select count(*) from "d"."selligent"."run__model"),
  (select count(*) from "d"."selligent"."run__model" where "CODE" is not null and "MAIL" is not null),
  (select count(*) from "d"."selligent"."crm__snapshot__1"),
  (select count(*) from "d"."selligent"."crm__doubt__1")
