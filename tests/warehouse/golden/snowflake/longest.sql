select max(length("e mail") + regexp_count(regexp_replace(hex_encode("e mail"), '(..)', '\\1 '), 'F[0-4] ')), max(length("note") + regexp_count(regexp_replace(hex_encode("note"), '(..)', '\\1 '), 'F[0-4] '))
from "d"."s"."c"
