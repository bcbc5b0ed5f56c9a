create table "d"."s"."c" ("CODE" bigint, "MAIL" varchar, _selligent_verdict varchar, _selligent_membership varchar)
