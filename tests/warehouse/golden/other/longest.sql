select max(length("e mail")), max(length("note"))
from "d"."s"."c"
