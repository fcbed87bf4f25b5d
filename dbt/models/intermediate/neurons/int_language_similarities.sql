with
fact_jaccard_by_language_pair as (select * from {{ ref('fact_jaccard_by_language_pair') }}),
neuron_jaccard_by_language_pair as not materialized (select * from {{ ref('neuron_jaccard_by_language_pair') }}),

final as (
    select
        model_id,
        'none' as method_code,
        'fact_jaccard' as similarity_code,
        language_a,
        language_b,
        jaccard_rate as similarity,
    from fact_jaccard_by_language_pair
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
    from neuron_jaccard_by_language_pair
    {%- endfor %}
)

select * from final
