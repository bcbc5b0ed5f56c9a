create or replace table `d`.`s`.`c` as select cast(3 as int64) as generation, '{}' as tables
