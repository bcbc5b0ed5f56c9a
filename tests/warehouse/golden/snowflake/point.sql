create table "d"."s"."c" as select '7b7d' as tables
