create table `d`.`s`.`c` (run_id string, number int64, answered_at datetime, operation string, row_count int64, seconds float64, requests int64, outcome string, destination string, activation string)
