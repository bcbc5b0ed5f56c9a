select column_name,
  case when data_type = 'NUMBER' then data_type || '(' || numeric_precision || ',' || numeric_scale || ')'
       else data_type end as data_type
from "d".information_schema.columns
where table_schema = 's' and table_name = 'c'
order by ordinal_position
