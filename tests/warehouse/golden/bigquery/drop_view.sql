drop view `d`.`selligent`.`run__model`
