-- Answers about facts whose statements were drawn by one coin per language, and the coin.
with
fct_world_answers as (select * from {{ ref('fct_world_answers') }}),

final as (
    select
        *,
        case stratum_code when 'sparse' then 0.25 when 'half' then 0.5 when 'dense' then 0.75 end as coin_probability,
    from fct_world_answers
    where stratum_code in ('sparse', 'half', 'dense')
)

select * from final
