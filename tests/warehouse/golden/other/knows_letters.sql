select rtrim(lower('É'), ' ') = 'é' as knows
