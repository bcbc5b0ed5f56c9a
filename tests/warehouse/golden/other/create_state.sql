create table "d"."selligent"."crm__snapshot__1" ("CODE" bigint, "MAIL" varchar, "FLAG" boolean, "FLAG_NUMBER" bigint, "COUNT" numeric(38,0), "COUNT_TEXT" varchar, "PRICE" decimal(10,2), "PRICE_FLOAT" double precision, "REAL" double precision, "RATIO" double precision, "CHOICE" varchar, "DAY" date, "DAY_TIME" timestamp, "AT" timestamp, "SEEN" timestamp, "_selligent_member" boolean);


create table "d"."selligent"."crm__doubt__1" ("CODE" bigint, "MAIL" varchar);


create table "d"."selligent"."crm__rejected__1" ("CODE" bigint, "MAIL" varchar, _selligent_hash varchar, _selligent_field varchar, _selligent_code varchar, _selligent_message varchar, _selligent_first_seen timestamp, _selligent_last_seen timestamp, _selligent_missing boolean);


create table "d"."selligent"."crm__invalid__1" ("CODE" bigint, "MAIL" varchar, _selligent_field varchar, _selligent_reason varchar, _selligent_rows bigint);
