{%- set keys = "model_id, source_language_code, target_language_code, measure_code" %}

with
int_text_scores as (select * from {{ ref('int_text_scores') }}),

counts as (
    select
        {{ keys }},
        count(*) as fact_count,
        count(*) filter (where own_score > best_other_score) as first_count,
        sum(1 / text_count::double order by text_count) / count(*) as chance_score,
        avg(own_excess order by own_excess) as excess_mean,
        var_samp(own_excess order by own_excess) / count(own_excess) as excess_variance,
    from int_text_scores
    where text_count > 1
    group by all
),

final as (
    select
        {{ keys }},
        fact_count,
        first_count,
        {{ wilson('first_count', 'fact_count', 'first_rate') }},
        chance_score,
        {{ normal_interval("excess_mean", "excess_variance", "excess_score") }},
    from counts
    order by {{ keys }}
)

select * from final
