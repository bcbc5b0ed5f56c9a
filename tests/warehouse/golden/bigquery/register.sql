insert into `d`.`s`.`c` (prefix, destination, name, line)
select 'c_1', 'dev', 'c', 2
