with customers as (

    select * from {{ ref('customers') }}
    where loyalty_tier in ('gold', 'platinum')

),

days as (

    select
        customer_id,
        ordered_on,
        sum(sum(dollars)) over (partition by customer_id order by ordered_on) as spend_so_far
    from {{ ref('stg_purchases') }}
    group by customer_id, ordered_on

),

gold as (

    select
        customer_id,
        min(ordered_on) as vip_since
    from days
    where spend_so_far >= {{ var('gold_from') }}
    group by customer_id

)

select
    customers.customer_id,
    customers.loyalty_tier,
    gold.vip_since,
    gold.vip_since + interval '1 day 9 hours' as welcome_at
from customers
inner join gold using (customer_id)
