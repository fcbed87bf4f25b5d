-- Mantel's test: the similarities stay, the languages of all factors are shuffled together
-- (docs/method.md#factors). So the partial test keeps how the factors go together.
{%- set controls = {
    "distance": ["shared_tokens", "script", "family"],
    "family": ["shared_tokens", "script"],
    "branch": ["shared_tokens", "script"],
    "script": ["shared_tokens"],
    "shared_tokens": ["script"],
} %}
{%- set factors = controls | list %}
{%- set keys = "model_id, method_code, similarity_code" %}
{%- set tests = ["mantel", "partial"] %}

with
int_language_similarities as (select * from {{ ref('int_language_similarities') }}),
int_shuffled_factors as (select * from {{ ref('int_shuffled_factors') }}),
dim_models as (select * from {{ ref('dim_models') }}),

-- A factor that does not vary correlates with nothing, and controls for nothing.
coefficients as (
    select
        similarities.model_id,
        similarities.method_code,
        similarities.similarity_code,
        shuffled.permutation_index,
        count(*) as language_pair_count,
        count(*) >= 3 and min(similarity) < max(similarity) as is_testable,
        {%- for name in factors %}
        min({{ name }}) < max({{ name }}) as has_{{ name }},
        coalesce(corr(similarity, {{ name }}), 0) as r_{{ ["similarity", name] | sort | join("_") }},
        {%- endfor %}
        {%- for name in factors %}
        {%- for other in factors if name < other %}
        coalesce(corr({{ name }}, {{ other }}), 0) as r_{{ name }}_{{ other }},
        {%- endfor %}
        {%- endfor %}
    from int_language_similarities as similarities
    inner join dim_models using (model_id)
    inner join int_shuffled_factors as shuffled using (tokenizer_hash, language_a, language_b)
    where similarities.similarity is not null
    group by all
),

correlations as (
    {%- for name, others in controls.items() %}
    select
        {{ keys }},
        permutation_index,
        language_pair_count,
        '{{ name }}' as factor_code,
        {{ others }}::varchar[] as control_codes,
        case
            when is_testable and has_{{ name }}
            then round({{ partial_correlation("similarity", name, []) }}, 9)
        end as mantel,
        -- One pair of languages for each control, and three more.
        case
            when is_testable and has_{{ name }} and language_pair_count >= {{ others | length + 3 }}
            then round({{ partial_correlation("similarity", name, others) }}, 9)
        end as partial,
    from coefficients
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

observed as (
    select * from correlations
    where permutation_index = 0
),

shuffled as (
    select
        {{ keys }},
        factor_code,
        {%- for test in tests %}
        count(correlations.{{ test }}) as {{ test }}_permutation_count,
        count(*) filter (
            where abs(correlations.{{ test }}) >= abs(observed.{{ test }})
        ) as {{ test }}_extreme_count,
        {%- endfor %}
    from correlations
    inner join observed using ({{ keys }}, factor_code)
    where correlations.permutation_index > 0
    group by all
),

tested as (
    select
        observed.*,
        coalesce(shuffled.mantel_permutation_count, 0) as permutation_count,
        {%- for test in tests %}
        case
            when observed.{{ test }} is not null
            then (1 + shuffled.{{ test }}_extreme_count) / (1 + shuffled.{{ test }}_permutation_count)
        end as {{ test }}_p,
        {%- endfor %}
    from observed
    left join shuffled using ({{ keys }}, factor_code)
),

adjusted as (
    {{ adjust_p_values("tested", ["model_id"], ["mantel_p", "partial_p"]) }}
),

final as (
    select
        {{ keys }},
        factor_code,
        language_pair_count,
        mantel as mantel_score,
        permutation_count,
        mantel_p as mantel_p_value,
        mantel_p_adjusted as mantel_adjusted_p_value,
        control_codes,
        partial as partial_score,
        partial_p as partial_p_value,
        partial_p_adjusted as partial_adjusted_p_value,
    from adjusted
    order by {{ keys }}, factor_code
)

select * from final
