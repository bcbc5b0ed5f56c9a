insert into "d"."s"."c" (claim, what, holder, expires, released)
select '1f', 'activation c', '{}', date_part(epoch_second, current_timestamp()) + 120, false union all
select '2a', 'list l', '{}', date_part(epoch_second, current_timestamp()) + 120, false
