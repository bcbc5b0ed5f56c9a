create table "d"."s"."c" as
select * from "d"."selligent"."run__model"
