create table "d"."selligent"."crm__meta__2" as
select noted.* from "d"."selligent"."crm__meta__1" as noted where not (noted.name in ('run'));



create table "d"."selligent"."crm__meta__3" as
select name, value from "d"."selligent"."crm__meta__2"
union all
select name, value from (
select 'run' as name, 'it''s \\' as value
) as added;
