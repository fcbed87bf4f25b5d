{%- set groups = [("pair", "not is_random"), ("random_pair", "is_random")] %}
{%- set verdicts = ["published", "degenerate"] %}

with
fct_degenerate_pairs as not materialized (select * from {{ ref('fct_degenerate_pairs') }}),

counts as (
    select
        model_id,
        language_code,
        any_value(null_score) as null_score,
        count(distinct fact_id) as fact_count,
        {%- for name, is_random in groups %}
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

-- The pairs of a fact depend on each other, so they are its cluster.
hits as (
    select
        model_id,
        language_code,
        fact_id,
        {%- for name, is_random in groups %}
        ({{ is_random }})::integer as is_{{ name }},
        ({{ is_random }} and is_published_degenerate)::integer as is_published_{{ name }},
        coalesce({{ is_random }} and is_degenerate, false)::integer as is_degenerate_{{ name }},
        {%- endfor %}
    from fct_degenerate_pairs
),

{%- for name, _ in groups %}
{%- for verdict in verdicts %}

{{ verdict }}_{{ name }}_effective_counts as (
    {{ effective_counts(
        "hits",
        ["model_id", "language_code"],
        "fact_id",
        "is_" ~ verdict ~ "_" ~ name,
        "is_" ~ name,
        verdict ~ "_" ~ name,
    ) }}
),
{%- endfor %}
{%- endfor %}

final as (
    select
        model_id,
        language_code,
        fact_count,
        null_score,
        {%- for name, _ in groups %}
        {{ name }}_count,
        {%- for verdict in verdicts %}
        {%- set rate = verdict ~ "_" ~ name ~ "_rate" %}
        {{ verdict }}_{{ name }}_count,
        {{ verdict }}_{{ name }}_count / nullif({{ name }}_count, 0) as {{ rate }},
        {{ clustered_wilson(
            rate, verdict ~ "_" ~ name ~ "_effective_count", verdict ~ "_" ~ name ~ "_cluster_count", rate
        ) }},
        {%- endfor %}
        {%- endfor %}
    from counts
    {%- for name, _ in groups %}
    {%- for verdict in verdicts %}
    left join {{ verdict }}_{{ name }}_effective_counts using (model_id, language_code)
    {%- endfor %}
    {%- endfor %}
    order by model_id, language_code
)

select * from final
