{{ config(materialized='table') }}

with
int_root_evidence as (select * from {{ ref('int_root_evidence') }}),
root_reasons as (select * from {{ ref('root_reasons') }}),

-- The first condition that holds. Those before the overlap are reasons why it cannot be judged.
reasoned as (
    select
        *,
        case
            when is_present is null then 'not_traced'
            when not is_present and fact_type_code = 'others' then 'absent_without_cue'
            when not is_present then coalesce(fact_type_code, 'no_tokenizer')
            when unscored_code is not null then unscored_code
            when scored_language_count is null and not ({{ has_own_tokens() }}) then 'other_mask_count'
            when scored_language_count is null then 'not_attributed'
            when full_match_language_count = 1 then 'right_nowhere_else'
            when scored_language_count = 1 then 'no_neurons_elsewhere'
            when compared_language_count = 0 then 'null_too_small'
            when null_code = 'relation' then 'no_object_null'
            when len(shared_language_codes) > 0 then 'overlap_above_null'
            else 'overlap_within_null'
        end as reason_code,
    from int_root_evidence
),

final as (
    select
        reasoned.model_id,
        reasoned.language_code,
        reasoned.fact_id,
        reasoned.relation_id,
        reasoned.object_id,
        reasoned.corpus_id,
        reasoned.text_unit,
        reasoned.method_code,
        reasoned.is_present,
        reasoned.fact_type_code,
        reasoned.full_match_language_count,
        reasoned.compared_language_count,
        reasoned.best_other_language_code as best_language_code,
        reasoned.best_jaccard_score as overlap_score,
        reasoned.null_code,
        reasoned.best_null_score as null_score,
        reasoned.best_p_value as p_value,
        reasoned.best_adjusted_p_value as adjusted_p_value,
        reasoned.across_facts_p_value,
        reasoned.shared_language_codes,
        reasoned.source_language_codes,
        []::double[] as source_probabilities,
        reasoned.is_guess,
        root_reasons.root_code,
        null::double as root_probability,
        reasoned.reason_code,
        -- Only the reasons of an overlap have places for figures.
        if(
            contains(root_reasons.reason, '{'),
            format(
                root_reasons.reason, best_other_language_code, best_jaccard_score, best_null_score, null_code,
                best_adjusted_p_value, compared_language_count
            ),
            root_reasons.reason
        ) as reason,
    from reasoned
    left join root_reasons using (reason_code)
)

select * from final
