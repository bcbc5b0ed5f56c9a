select generation, tables from "d"."s"."c"
