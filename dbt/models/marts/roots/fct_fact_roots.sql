with
int_paper_roots as (select * from {{ ref('int_paper_roots') }}),
int_calibrated_roots as (select * from {{ ref('int_calibrated_roots') }}),

-- The calibrated rule compares no neurons.
roots as (
    select
        model_id,
        language_code,
        fact_id,
        'paper' as rule_code,
        relation_id,
        object_id,
        root_code,
        root_probability,
        reason_code,
        reason,
        is_present,
        source_language_codes,
        source_probabilities,
        is_guess,
        fact_type_code,
        full_match_language_count,
        corpus_id,
        text_unit,
        method_code,
        compared_language_count,
        best_language_code,
        overlap_score,
        null_code,
        null_score,
        p_value,
        adjusted_p_value,
        across_facts_p_value,
        shared_language_codes,
    from int_paper_roots
    union all
    select
        model_id,
        language_code,
        fact_id,
        'calibrated' as rule_code,
        relation_id,
        object_id,
        root_code,
        root_probability,
        reason_code,
        reason,
        is_present,
        source_language_codes,
        source_probabilities,
        is_guess,
        null::varchar as fact_type_code,
        full_match_language_count,
        corpus_id,
        text_unit,
        null::varchar as method_code,
        compared_language_count,
        null::varchar as best_language_code,
        null::double as overlap_score,
        null::varchar as null_code,
        null::double as null_score,
        null::double as p_value,
        null::double as adjusted_p_value,
        null::double as across_facts_p_value,
        shared_language_codes,
    from int_calibrated_roots
),

final as (
    select *
    from roots
    order by model_id, language_code, fact_id, rule_code
)

select * from final
