create table `d`.`s`.`c` (claim string, what string, holder string,
  expires int64, released bool)
