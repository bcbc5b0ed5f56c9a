create table `d`.`s`.`c` (`CODE` int64, `MAIL` string, _selligent_verdict string, _selligent_membership string)
