create table if not exists `d`.`s`.`c` (generation int64, tables string)
