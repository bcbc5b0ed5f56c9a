select tables from `d`.`s`.`c`
