create table "d"."selligent"."crm__snapshot__1" ("CODE" number(38,0), "MAIL" varchar, "FLAG" boolean, "FLAG_NUMBER" bigint, "COUNT" number(38,0), "COUNT_TEXT" varchar, "PRICE" number(10,2), "PRICE_FLOAT" float, "REAL" float, "RATIO" float, "CHOICE" varchar, "DAY" date, "DAY_TIME" timestamp_ntz, "AT" timestamp_ntz, "SEEN" timestamp_ntz, "_selligent_member" boolean);


create table "d"."selligent"."crm__doubt__1" ("CODE" number(38,0), "MAIL" varchar);


create table "d"."selligent"."crm__rejected__1" ("CODE" number(38,0), "MAIL" varchar, _selligent_hash varchar, _selligent_field varchar, _selligent_code varchar, _selligent_message varchar, _selligent_first_seen timestamp_ntz, _selligent_last_seen timestamp_ntz, _selligent_missing boolean);


create table "d"."selligent"."crm__invalid__1" ("CODE" number(38,0), "MAIL" varchar, _selligent_field varchar, _selligent_reason varchar, _selligent_rows bigint);
