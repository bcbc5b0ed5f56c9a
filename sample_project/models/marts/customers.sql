with purchases as (

    select * from {{ ref('stg_purchases') }}

),

totals as (

    select
        customer_id,
        min(ordered_on) as first_order_on,
        max(ordered_on) as last_order_on,
        count(*)::integer as orders,
        sum(cds)::integer as cds,
        sum(dollars)::decimal(10, 2) as spend
    from purchases
    group by customer_id

),

recency as (

    select
        customer_id,
        date_sub('month', last_order_on, date '{{ var("as_of") }}') as months_since_last_order
    from totals

)

select
    totals.customer_id,
    printf('customer-%05d@example.com', totals.customer_id) as email,
    totals.first_order_on,
    totals.last_order_on,
    totals.orders,
    totals.cds,
    totals.spend,
    totals.spend::double / totals.orders as average_order,
    case
        when totals.spend >= {{ var('platinum_from') }} then 'platinum'
        when totals.spend >= {{ var('gold_from') }} then 'gold'
        when totals.spend >= {{ var('silver_from') }} then 'silver'
        else 'bronze'
    end as loyalty_tier,
    -- A bucket and not the days themselves: those would change every day for every customer,
    -- and every customer would be sent every day.
    case
        when recency.months_since_last_order < 2 then 'active'
        when recency.months_since_last_order < 4 then 'cooling'
        when recency.months_since_last_order < 6 then 'lapsed'
        else 'lost'
    end as recency_bucket,
    totals.customer_id % 10 < 7 as newsletter
from totals
inner join recency using (customer_id)
