select cast(extract(epoch from current_timestamp) as bigint) as now
