create table "d"."selligent"."crm__meta__2" as
select noted.* from "d"."selligent"."crm__meta__1" as noted where not (noted.name in ('identity', 'complete'));
