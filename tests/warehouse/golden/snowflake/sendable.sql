select _selligent_n, _selligent_kind, _selligent_mask, "CODE", "MAIL", "FLAG", "FLAG_NUMBER", "COUNT", "COUNT_TEXT", "PRICE", "PRICE_FLOAT", "REAL", "RATIO", "CHOICE", "DAY", "DAY_TIME", "AT", "SEEN", "_selligent_member", "SOURCE", _selligent_hash
from "d"."selligent"."run__delta" where _selligent_kind in ('new', 'changed') and _selligent_n <= 100
order by _selligent_n
