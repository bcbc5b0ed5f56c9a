create table `d`.`s`.`c` (prefix string, destination string, name string, line int64)
