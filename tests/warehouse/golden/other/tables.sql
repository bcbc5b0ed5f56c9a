select table_name from information_schema.tables
where table_schema = 's' and substr(table_name, 1, length('c__')) = 'c__'
order by 1
