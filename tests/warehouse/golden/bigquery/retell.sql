delete from `d`.`s`.`c` where destination = 'dev' and activation = 'it\'s \\';


insert into `d`.`s`.`c` (run_id, number, answered_at, operation, row_count, seconds, requests, outcome, destination, activation)
select run_id, number, answered_at, operation, row_count, seconds, requests, outcome, 'dev', 'it\'s \\' from (select * from `d`.`selligent`.`run__model`) as told;
