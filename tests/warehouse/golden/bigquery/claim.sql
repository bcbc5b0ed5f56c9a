insert into `d`.`s`.`c` (claim, what, holder, expires, released)
select '1f', 'activation c', '{}', unix_seconds(current_timestamp()) + 120, false union all
select '2a', 'list l', '{}', unix_seconds(current_timestamp()) + 120, false
