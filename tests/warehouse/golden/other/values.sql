select 1 as "a", 'x' as "b" union all
select 2 as "a", null as "b"
