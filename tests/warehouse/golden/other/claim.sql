insert into "d"."s"."c" (claim, what, holder, expires, released)
select '1f', 'activation c', '{}', cast(extract(epoch from current_timestamp) as bigint) + 120, false union all
select '2a', 'list l', '{}', cast(extract(epoch from current_timestamp) as bigint) + 120, false
