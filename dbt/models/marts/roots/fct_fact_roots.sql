with
int_paper_roots as (select * from {{ ref('int_paper_roots') }}),
int_calibrated_roots as (select * from {{ ref('int_calibrated_roots') }}),

roots as (
    select
        'paper' as rule_code,
        *,
    from int_paper_roots
    union all by name
    select
        'calibrated' as rule_code,
        *,
    from int_calibrated_roots
),

final as (
    select
        model_id,
        language_code,
        fact_id,
        rule_code,
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
    from roots
    order by model_id, language_code, fact_id, rule_code
)

select * from final
