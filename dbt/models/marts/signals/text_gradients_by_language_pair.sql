{%- set keys = "model_id, source_language_code, target_language_code, measure_code" %}

with
int_text_scores as (select * from {{ ref('int_text_scores') }}),

counts as (
    select
        {{ keys }},
        count(*) as fact_count,
        count(*) filter (where own_score > best_other_score) as first_count,
        sum(1 / text_count::double order by text_count) / count(*) as chance_score,
        sum(own_excess order by own_excess) / nullif(count(own_excess), 0) as excess_mean,
        list(own_excess order by own_excess) filter (where own_excess is not null) as excesses,
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
        {{ normal_interval(
            "excess_mean",
            "if(len(excesses) > 1, list_sum(list_transform(excesses, lambda x: (x - excess_mean) ** 2))"
                ~ " / (len(excesses) - 1) / len(excesses), null)",
            "excess_score",
        ) }},
    from counts
    order by {{ keys }}
)

select * from final
