select "CODE", "MAIL", "FLAG", "FLAG_NUMBER", "COUNT", "COUNT_TEXT", "PRICE", "PRICE_FLOAT", "REAL", "RATIO", "CHOICE", "DAY", "DAY_TIME", "AT", "SEEN", "_selligent_member" from "d"."s"."c"
