select claim, max(holder) as holder, max(expires) - date_part(epoch_second, current_timestamp()) as seconds
from (
  select claim, what, holder, expires, released from "d"."s"."c" union all
  select claim, what, holder, expires, released from "d"."s"."c"
) as locks
where what = 'activation c'
group by claim
having max(expires) > date_part(epoch_second, current_timestamp()) and max(case when released then 1 else 0 end) = 0
order by 1
