insert into "d"."selligent"."crm__log__1" (run_id, _selligent_group, first_n, last_n, outcome)
select 'r1', 0, 1, 9, 'answered';
