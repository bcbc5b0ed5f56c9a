select table_name from `s`.INFORMATION_SCHEMA.TABLES
where starts_with(table_name, 'c__')
order by 1
