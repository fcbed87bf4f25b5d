-- Does a right answer need its subject? Two measures: the object's probability with other texts in the
-- place of the subject, and the share of the relation's other facts that get the same answer.
with
fct_predictions as (select * from {{ ref('fct_predictions') }}),
stg_lake__subject_swaps as (select * from {{ ref('stg_lake__subject_swaps') }}),

swaps as (
    select
        model_id,
        language_code,
        fact_id,
        max(object_log_prob) filter (where swap_code = 'masked') as masked_log_prob,
        max(object_log_prob) filter (where swap_code in ('first_part', 'last_part')) as part_log_prob,
        max(object_log_prob) filter (where swap_code = 'invented') as invented_log_prob,
        ln(avg(exp(object_log_prob::double) order by object_log_prob) filter (where swap_code = 'other_subject'))
            as other_subject_log_prob,
        min(object_rank) filter (where swap_code = 'masked') as masked_rank,
        min(object_rank) filter (where swap_code in ('first_part', 'last_part')) as part_rank,
        count(object_rank) filter (where swap_code in ('invented', 'other_subject')) as other_subject_count,
        count(*) filter (where swap_code in ('invented', 'other_subject') and object_rank = 1)
            as other_subject_match_count,
    from stg_lake__subject_swaps
    group by all
),

-- Facts of the relation by their answer; facts with the same object are no other facts.
answers as (
    select
        model_id,
        language_code,
        relation_id,
        object_id,
        predicted_text,
        count(*) as fact_count,
    from fct_predictions
    where predicted_text is not null
    group by all
),

counted as (
    select
        *,
        sum(fact_count) over relation - sum(fact_count) over same_object as other_fact_count,
        sum(fact_count) over same_answer - fact_count as same_answer_count,
    from answers
    window
        relation as (partition by model_id, language_code, relation_id),
        same_object as (partition by model_id, language_code, relation_id, object_id),
        same_answer as (partition by model_id, language_code, relation_id, predicted_text)
),

final as (
    select
        predictions.model_id,
        predictions.language_code,
        predictions.fact_id,
        predictions.relation_id,
        predictions.object_id,
        predictions.gold_log_prob as object_log_prob,
        swaps.masked_log_prob,
        swaps.part_log_prob,
        swaps.invented_log_prob,
        swaps.other_subject_log_prob,
        coalesce(swaps.other_subject_count, 0) as other_subject_count,
        coalesce(swaps.other_subject_match_count, 0) as other_subject_match_count,
        counted.other_fact_count::bigint as other_fact_count,
        counted.same_answer_count::bigint as same_answer_count,
        {{ wilson("counted.same_answer_count", "counted.other_fact_count", "same_answer_rate") }},
        case
            when swaps.model_id is null then 'not_measured'
            when swaps.masked_rank = 1 then 'no_subject'
            when swaps.other_subject_match_count * 2 > swaps.other_subject_count then 'any_subject'
            when swaps.part_rank = 1 then 'part_of_subject'
            else 'whole_subject'
        end as dependence_code,
    from fct_predictions as predictions
    inner join counted using (model_id, language_code, relation_id, object_id, predicted_text)
    left join swaps
        on predictions.model_id = swaps.model_id
        and predictions.language_code = swaps.language_code
        and predictions.fact_id = swaps.fact_id
    where predictions.is_right
    order by predictions.model_id, predictions.language_code, predictions.fact_id
)

select * from final
