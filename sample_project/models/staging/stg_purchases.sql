select
    customer_id::integer as customer_id,
    ordered_on::date as ordered_on,
    cds::integer as cds,
    dollars::decimal(10, 2) as dollars
from {{ source('shop', 'cdnow_purchases') }}
where ordered_on <= date '{{ var("as_of") }}'
