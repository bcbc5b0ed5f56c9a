create table `d`.`selligent`.`crm__snapshot__1` (`CODE` int64, `MAIL` string, `FLAG` bool, `FLAG_NUMBER` int64, `COUNT` bignumeric(38,0), `COUNT_TEXT` string, `PRICE` numeric(10,2), `PRICE_FLOAT` float64, `REAL` float64, `RATIO` float64, `CHOICE` string, `DAY` date, `DAY_TIME` datetime, `AT` datetime, `SEEN` datetime, `_selligent_member` bool);


create table `d`.`selligent`.`crm__doubt__1` (`CODE` int64, `MAIL` string);


create table `d`.`selligent`.`crm__rejected__1` (`CODE` int64, `MAIL` string, _selligent_hash string, _selligent_field string, _selligent_code string, _selligent_message string, _selligent_first_seen datetime, _selligent_last_seen datetime, _selligent_missing bool);


create table `d`.`selligent`.`crm__invalid__1` (`CODE` int64, `MAIL` string, _selligent_field string, _selligent_reason string, _selligent_rows int64);
