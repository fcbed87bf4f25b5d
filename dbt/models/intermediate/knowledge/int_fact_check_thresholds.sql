{%- set keys = "model_id, language_code, check_code" %}

with
int_fact_check_scores as (select * from {{ ref('int_fact_check_scores') }}),

-- Every score of the validation facts as a threshold: how many candidates reach it.
validation as (
    select
        {{ keys }},
        check_score,
        count(*) filter (where is_true) over from_the_top as accepted_true_count,
        count(*) filter (where not is_true) over from_the_top as accepted_wrong_count,
        count(*) filter (where is_true) over own_check as true_count,
        count(*) filter (where not is_true) over own_check as wrong_count,
    from int_fact_check_scores
    where split = 'validation'
    window
        own_check as (partition by {{ keys }}),
        from_the_top as (partition by {{ keys }} order by check_score desc)
),

-- The threshold with the largest balanced accuracy; the smallest if several are equal.
final as (
    select
        {{ keys }},
        min(true_count + wrong_count) as validation_count,
        first(
            check_score
            order by
                round(accepted_true_count / true_count - accepted_wrong_count / wrong_count, 9) desc,
                check_score
        ) as lambda_score,
    from validation
    where true_count > 0 and wrong_count > 0
    group by all
)

select * from final
