with
fct_predictions as (select * from {{ ref('fct_predictions') }}),
stg_lake__prompts as (select * from {{ ref('stg_lake__prompts') }}),

counts as (
    {{ match_counts("fct_predictions", ["model_id", "language_code", "relation_id"]) }}
),

final as (
    select
        counts.model_id,
        counts.language_code,
        counts.relation_id,
        prompts.template,
        counts.fact_count,
        counts.full_match_count,
        {{ wilson('counts.full_match_count', 'counts.fact_count', 'full_match_rate') }},
        counts.partial_match_count,
        {{ wilson('counts.partial_match_count', 'counts.fact_count', 'partial_match_rate') }},
        counts.any_object_match_count,
        {{ wilson('counts.any_object_match_count', 'counts.fact_count', 'any_object_match_rate') }},
    from counts
    left join stg_lake__prompts as prompts using (language_code, relation_id)
    order by counts.model_id, counts.language_code, counts.relation_id
)

select * from final
