create table `d`.`selligent`.`run__came` as
select `CODE`, `MAIL`, `FLAG`, `FLAG_NUMBER`, `COUNT`, `COUNT_TEXT`, `PRICE`, `PRICE_FLOAT`, `REAL`, `RATIO`, `CHOICE`, `DAY`, `DAY_TIME`, `AT`, `SEEN`, `_selligent_member`, `SOURCE` from `d`.`selligent`.`run__model` where `CODE` is not null and `MAIL` is not null
