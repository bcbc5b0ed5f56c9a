create table "d"."selligent"."run__doubled" as
select model."CODE" as "CODE", rtrim(lower(model."MAIL"), ' ') as "MAIL"
from "d"."selligent"."run__model" as model
where model."CODE" is not null and model."MAIL" is not null
group by model."CODE", rtrim(lower(model."MAIL"), ' ')
having count(*) > 1
