delete from "d"."s"."c" where destination = 'dev' and activation = 'it''s \';
