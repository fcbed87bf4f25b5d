with
int_language_pair_counts as (select * from {{ ref('int_language_pair_counts') }}),

unions as (
    select
        *,
        full_match_a_count + full_match_b_count - intersection_count as union_count,
    from int_language_pair_counts
),

final as (
    select
        *,
        {{ wilson('intersection_count', 'union_count', 'jaccard_rate') }},
    from unions
    order by model_id, language_a, language_b
)

select * from final
