create or replace table "d"."s"."c" as select cast(3 as bigint) as generation, '{}' as tables
