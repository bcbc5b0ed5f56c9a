create table "d"."s"."c" ("CODE" number(38,0), "MAIL" varchar, _selligent_verdict varchar, _selligent_membership varchar)
