update `d`.`s`.`c` set destination = 'it\'s \\', activation = 'dev'
where destination = 'dev' and activation = 'it\'s \\';
