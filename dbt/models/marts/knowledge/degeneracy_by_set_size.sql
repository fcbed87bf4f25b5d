with
fct_degenerate_sets as (select * from {{ ref('fct_degenerate_sets') }}),

counts as (
    select
        model_id,
        language_code,
        set_size,
        {%- for name, is_random in [("fact", "not is_random"), ("random_fact", "is_random")] %}
        count(*) filter (where {{ is_random }}) as {{ name }}_count,
        count(*) filter (where {{ is_random }} and is_published_degenerate) as published_{{ name }}_count,
        avg(gap_score order by fact_id) filter (where {{ is_random }}) as mean_{{ name }}_gap_score,
        {%- endfor %}
    from fct_degenerate_sets
    group by all
),

final as (
    select
        model_id,
        language_code,
        set_size,
        {%- for name in ["fact", "random_fact"] %}
        {{ name }}_count,
        published_{{ name }}_count,
        {{ wilson("published_" ~ name ~ "_count", name ~ "_count", "published_" ~ name ~ "_rate") }},
        mean_{{ name }}_gap_score,
        {%- endfor %}
    from counts
    order by model_id, language_code, set_size
)

select * from final
