create table if not exists "d"."s"."c" (generation bigint, tables varchar)
