drop table `d`.`selligent`.`run__model`
