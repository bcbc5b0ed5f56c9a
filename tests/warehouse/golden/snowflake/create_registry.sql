create table "d"."s"."c" (prefix varchar, destination varchar, name varchar, line bigint)
