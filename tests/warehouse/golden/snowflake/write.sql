create table "d"."s"."c" as
select /*+ COALESCE(1) */ * from "d"."selligent"."run__model"
