with
int_traced_predictions as not materialized (select * from {{ ref('int_traced_predictions') }}),

totals as (
    select
        model_id,
        corpus_id,
        text_unit,
        language_code,
        count(*) filter (where is_right and not is_present) as absent_full_match_count,
    from int_traced_predictions
    -- Without a tokenizer no fact has a type.
    where fact_type_code is not null
    group by all
),

types as (
    select unnest(['shared_tokens', 'naming', 'others']) as fact_type_code
),

typed as (
    select
        model_id,
        text_unit,
        language_code,
        fact_type_code,
        count(*) as type_count,
        count(*) filter (where fact_rule_code = 'token_overlap') as token_overlap_count,
    from int_traced_predictions
    where is_right and not is_present and fact_type_code is not null
    group by all
),

counts as (
    select
        totals.model_id,
        totals.corpus_id,
        totals.text_unit,
        totals.language_code,
        types.fact_type_code,
        coalesce(typed.type_count, 0) as type_count,
        coalesce(typed.token_overlap_count, 0) as token_overlap_count,
        totals.absent_full_match_count,
    from totals
    cross join types
    left join typed using (model_id, text_unit, language_code, fact_type_code)
),

final as (
    select
        *,
        {{ wilson('type_count', 'absent_full_match_count', 'type_rate') }},
    from counts
    order by model_id, text_unit, language_code, fact_type_code
)

select * from final
