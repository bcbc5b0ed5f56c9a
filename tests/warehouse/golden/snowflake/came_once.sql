create table "d"."selligent"."run__came" as
with differs as (
  select "CODE", "MAIL", "FLAG", "FLAG_NUMBER", "COUNT", "COUNT_TEXT", "PRICE", "PRICE_FLOAT", "REAL", "RATIO", "CHOICE", "DAY", "DAY_TIME", "AT", "SEEN", "_selligent_member" from "d"."selligent"."run__model" where "CODE" is not null and "MAIL" is not null
  except
  select "CODE", "MAIL", "FLAG", "FLAG_NUMBER", "COUNT", "COUNT_TEXT", "PRICE", "PRICE_FLOAT", "REAL", "RATIO", "CHOICE", "DAY", "DAY_TIME", "AT", "SEEN", "_selligent_member" from "d"."selligent"."crm__snapshot__1"
)
select model."CODE", model."MAIL", model."FLAG", model."FLAG_NUMBER", model."COUNT", model."COUNT_TEXT", model."PRICE", model."PRICE_FLOAT", model."REAL", model."RATIO", model."CHOICE", model."DAY", model."DAY_TIME", model."AT", model."SEEN", model."_selligent_member", model."SOURCE" from "d"."selligent"."run__model" as model
where exists (
  select 1 from differs where differs."CODE" = model."CODE" and differs."MAIL" = model."MAIL")
