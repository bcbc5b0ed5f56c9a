select 1 as one from "d"."s"."c" where destination = 'dev' and activation = 'it''s \\' and answered_at < cast('2026-01-31 12:00:00' as timestamp_ntz) limit 1
