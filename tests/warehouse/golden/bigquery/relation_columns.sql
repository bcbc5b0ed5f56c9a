select column_name, data_type
from `d`.`s`.INFORMATION_SCHEMA.COLUMNS
where table_name = 'c'
order by ordinal_position
