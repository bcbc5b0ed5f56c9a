create table "d"."s"."c" (claim varchar, what varchar, holder varchar,
  expires bigint, released boolean)
