-- Mantel's test: the similarities stay, the languages of the factors are shuffled
-- (docs/method.md#factors).
{%- set factors = ["distance", "family", "branch", "script"] %}

with
int_language_similarities as (select * from {{ ref('int_language_similarities') }}),
int_shuffled_factors as (select * from {{ ref('int_shuffled_factors') }}),

coefficients as (
    select
        similarities.model_id,
        similarities.method_code,
        similarities.similarity_code,
        shuffled.permutation_index,
        count(*) as language_pair_count,
        {%- for name in factors %}
        case
            when count(*) >= 3 and min({{ name }}) < max({{ name }}) and min(similarity) < max(similarity)
            then round(corr(similarity, {{ name }}), 9)
        end as {{ name }},
        {%- endfor %}
    from int_language_similarities as similarities
    inner join int_shuffled_factors as shuffled using (language_a, language_b)
    where similarities.similarity is not null
    group by all
),

correlations as (
    select *
    from coefficients
    unpivot include nulls (coefficient for factor_code in ({{ factors | join(", ") }}))
),

observed as (
    select * from correlations
    where permutation_index = 0
),

shuffled as (
    select
        correlations.model_id,
        correlations.method_code,
        correlations.similarity_code,
        correlations.factor_code,
        count(*) as permutation_count,
        count(*) filter (where abs(correlations.coefficient) >= abs(observed.coefficient)) as extreme_count,
    from correlations
    inner join observed using (model_id, method_code, similarity_code, factor_code)
    where correlations.permutation_index > 0 and correlations.coefficient is not null
    group by all
),

final as (
    select
        observed.model_id,
        observed.method_code,
        observed.similarity_code,
        observed.factor_code,
        observed.language_pair_count,
        observed.coefficient as mantel_score,
        coalesce(shuffled.permutation_count, 0) as permutation_count,
        case
            when observed.coefficient is not null
            then (1 + shuffled.extreme_count) / (1 + shuffled.permutation_count)
        end as mantel_p_value,
    from observed
    left join shuffled using (model_id, method_code, similarity_code, factor_code)
    order by model_id, method_code, similarity_code, factor_code
)

select * from final
