select unix_seconds(current_timestamp()) as now
