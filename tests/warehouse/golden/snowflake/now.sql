select date_part(epoch_second, current_timestamp()) as now
