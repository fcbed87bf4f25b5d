{{ config(materialized='table') }}

{%- set stratum = "model_id, null_code, relation_id" %}

with
int_root_excesses as not materialized (select * from {{ ref('int_root_excesses') }}),

excess_counts as (
    select
        {{ stratum }},
        excess,
        count(*) filter (where fact_id is null) as null_count,
    from int_root_excesses
    group by all
),

-- Equal values count as larger.
ranks as (
    select
        {{ stratum }},
        excess,
        sum(null_count) over (
            partition by {{ stratum }} order by excess desc rows unbounded preceding
        )::bigint as null_above_count,
        sum(null_count) over (partition by {{ stratum }})::bigint as null_value_count,
    from excess_counts
),

ranked as (
    select
        excesses.*,
        ranks.null_value_count,
        (ranks.null_above_count + 1) / (ranks.null_value_count + 1) as p_value,
    from int_root_excesses as excesses
    inner join ranks using ({{ stratum }}, excess)
    where excesses.fact_id is not null
),

-- Both directions: each language of a pair has its own number of compared languages.
directed as (
    {%- for here, there in [("a", "b"), ("b", "a")] %}
    select
        model_id,
        language_{{ here }} as language_code,
        fact_id,
        language_{{ there }} as other_language_code,
        null_code,
        jaccard_score,
        null_score,
        null_value_count,
        p_value,
    from ranked
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

testable as (
    select
        model_id,
        language_code,
        fact_id,
        null_code,
        count(*) as compared_language_count,
    from directed
    group by all
    having count(*) / (any_value(null_value_count) + 1) < {{ var("significance_level") }}
),

-- The object null if its smallest possible p value is significant after correction, else the relation null.
chosen as (
    select
        model_id,
        language_code,
        fact_id,
        min(null_code) as null_code,
        min_by(compared_language_count, null_code) as compared_language_count,
    from testable
    group by all
),

final as (
    select
        directed.*,
        chosen.compared_language_count,
        least(1, directed.p_value * chosen.compared_language_count) as adjusted_p_value,
        adjusted_p_value < {{ var("significance_level") }} as is_above_null,
    from directed
    inner join chosen using (model_id, language_code, fact_id, null_code)
)

select * from final
