with verdicts as (
    select
        model_id,
        language_code,
        fact_id,
        coalesce(is_full_match, false) as is_full_match,
    from {{ ref('fct_predictions') }}
),

language_pairs as (
    select
        models.model_id,
        first_languages.language_code as language_a,
        second_languages.language_code as language_b,
    from {{ ref('dim_models') }} as models
    cross join {{ ref('dim_languages') }} as first_languages
    inner join {{ ref('dim_languages') }} as second_languages
        on first_languages.language_code < second_languages.language_code
),

shared as (
    select
        a.model_id,
        a.language_code as language_a,
        b.language_code as language_b,
        count(*) as shared_fact_count,
        count(*) filter (where a.is_full_match) as full_match_a_count,
        count(*) filter (where b.is_full_match) as full_match_b_count,
        count(*) filter (where a.is_full_match and b.is_full_match) as intersection_count,
        count(*) filter (where a.is_full_match or b.is_full_match) as union_count,
    from verdicts as a
    inner join verdicts as b
        on a.model_id = b.model_id
        and a.fact_id = b.fact_id
        and a.language_code < b.language_code
    group by all
),

counts as (
    select
        language_pairs.model_id,
        language_pairs.language_a,
        language_pairs.language_b,
        coalesce(shared.shared_fact_count, 0) as shared_fact_count,
        coalesce(shared.full_match_a_count, 0) as full_match_a_count,
        coalesce(shared.full_match_b_count, 0) as full_match_b_count,
        coalesce(shared.intersection_count, 0) as intersection_count,
        coalesce(shared.union_count, 0) as union_count,
    from language_pairs
    left join shared using (model_id, language_a, language_b)
),

final as (
    select
        *,
        {{ wilson('intersection_count', 'union_count', 'jaccard_rate') }},
    from counts
    order by model_id, language_a, language_b
)

select * from final
