create table "d"."selligent"."crm__log__2" as
select entry.* from "d"."selligent"."crm__log__1" as entry where not (true);
