select generation, tables from "d"."s"."c" union all
select generation, tables from "d"."s"."c"
