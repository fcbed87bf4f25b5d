with
fct_degenerate_pairs as (select * from {{ ref('fct_degenerate_pairs') }}),

counts as (
    select
        model_id,
        language_code,
        any_value(null_score) as null_score,
        count(distinct fact_id) as fact_count,
        {%- for name, is_random in [("pair", "not is_random"), ("random_pair", "is_random")] %}
        count(*) filter (where {{ is_random }}) as {{ name }}_count,
        count(*) filter (where {{ is_random }} and is_published_degenerate) as published_{{ name }}_count,
        -- Null if there are too few random pairs for a null_score.
        case
            when any_value(null_score) is not null
            then count(*) filter (where {{ is_random }} and is_degenerate)
        end as degenerate_{{ name }}_count,
        {%- endfor %}
    from fct_degenerate_pairs
    group by all
),

final as (
    select
        model_id,
        language_code,
        fact_count,
        null_score,
        {%- for name in ["pair", "random_pair"] %}
        {{ name }}_count,
        {%- for verdict in ["published", "degenerate"] %}
        {{ verdict }}_{{ name }}_count,
        {{ wilson(verdict ~ "_" ~ name ~ "_count", name ~ "_count", verdict ~ "_" ~ name ~ "_rate") }},
        {%- endfor %}
        {%- endfor %}
    from counts
    order by model_id, language_code
)

select * from final
