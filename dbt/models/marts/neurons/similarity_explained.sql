-- Mantel's test: are pairs of languages alike where they are near, akin or written alike? The
-- similarities stay, the languages behind the factors are shuffled (docs/method.md#factors).
{%- set permutation_count = var("mantel_permutation_count", 999) %}
{%- set factors = {
    "distance": haversine("a", "b"),
    "family": "(a.language_family = b.language_family)::integer::double",
    "branch": "(a.language_branch = b.language_branch)::integer::double",
    "script": "(a.script = b.script)::integer::double",
} %}

with similarities as (
    select
        model_id,
        'none' as method_code,
        'fact_jaccard' as similarity_code,
        language_a,
        language_b,
        jaccard_rate as similarity,
    from {{ ref('fact_jaccard_by_language_pair') }}
    {%- for code, column in [
        ("neuron_jaccard", "neuron_jaccard_score"),
        ("neuron_object_excess", "object_excess_score"),
    ] %}
    union all
    select
        model_id,
        method_code,
        '{{ code }}' as similarity_code,
        language_a,
        language_b,
        {{ column }} as similarity,
    from {{ ref('neuron_jaccard_by_language_pair') }}
    {%- endfor %}
),

language_numbers as (
    select
        *,
        row_number() over (order by language_code)::smallint as language_number,
    from {{ ref('dim_languages') }}
),

-- Both orders of every two languages: shuffling does not keep the order.
factors as (
    select
        a.language_number as number_a,
        b.language_number as number_b,
        {%- for name, factor in factors.items() %}
        {{ factor }} as {{ name }},
        {%- endfor %}
    from language_numbers as a
    inner join language_numbers as b on a.language_number != b.language_number
),

-- Permutation 0 leaves every language where it is.
shuffles as (
    select
        permutation.permutation_index,
        language_number,
        row_number() over (
            partition by permutation.permutation_index
            order by
                case when permutation.permutation_index > 0
                    then {{ draw("permutation.permutation_index || ':' || language_code") }}
                end,
                language_number
        )::smallint as shuffled_number,
    from language_numbers
    cross join range({{ permutation_count + 1 }}) as permutation (permutation_index)
),

known as (
    select
        model_id,
        method_code,
        similarity_code,
        a.language_number as number_a,
        b.language_number as number_b,
        similarity,
    from similarities
    inner join language_numbers as a on similarities.language_a = a.language_code
    inner join language_numbers as b on similarities.language_b = b.language_code
    where similarity is not null
),

shuffled_factors as (
    select
        a.permutation_index,
        a.language_number as number_a,
        b.language_number as number_b,
        factors.* exclude (number_a, number_b),
    from shuffles as a
    inner join shuffles as b
        on a.permutation_index = b.permutation_index
        and a.language_number < b.language_number
    inner join factors
        on a.shuffled_number = factors.number_a
        and b.shuffled_number = factors.number_b
),

coefficients as (
    select
        known.model_id,
        known.method_code,
        known.similarity_code,
        shuffled_factors.permutation_index,
        count(*) as language_pair_count,
        {%- for name in factors %}
        case
            when count(*) >= 3 and min({{ name }}) < max({{ name }}) and min(similarity) < max(similarity)
            then round(corr(similarity, {{ name }}), 9)
        end as {{ name }},
        {%- endfor %}
    from known
    inner join shuffled_factors using (number_a, number_b)
    group by all
),

correlations as (
    select *
    from coefficients
    unpivot include nulls (coefficient for factor_code in ({{ factors.keys() | join(", ") }}))
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
