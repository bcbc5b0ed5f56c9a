select column_name, data_type from information_schema.columns
where table_catalog = 'd' and table_schema = 's' and table_name = 'c'
order by ordinal_position
