{{ config(materialized='table') }}

{%- set stratum = "model_id, method_code, null_code, relation_id, null_object_id" %}
{%- set answer = "model_id, method_code, language_code, fact_id" %}

with
int_root_excesses as not materialized (select * from {{ ref('int_root_excesses') }}),

-- Overlaps are ranked among the null of their own object, or of their relation: objects differ in how
-- much their facts overlap.
candidates as (
    select
        {{ stratum }},
        excess,
        0 as null_count,
    from int_root_excesses
    union all
    select
        {{ stratum }},
        null_excess,
        1,
    from int_root_excesses
),

excess_counts as (
    select
        {{ stratum }},
        excess,
        sum(null_count) as null_count,
        sum(null_count * excess::decimal(18, 9)) as null_sum,
    from candidates
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
        (sum(null_sum) over (partition by {{ stratum }}))::double as null_sum,
    from excess_counts
),

ranked as (
    select
        excesses.*,
        ranks.null_value_count,
        excesses.pair_null_score
        + excesses.pair_null_spread * ranks.null_sum / ranks.null_value_count as null_score,
        (ranks.null_above_count + 1) / (ranks.null_value_count + 1) as p_value,
    from int_root_excesses as excesses
    inner join ranks using ({{ stratum }}, excess)
),

-- Both directions: each language of a pair has its own number of compared languages.
directed as (
    {%- for here, there in [("a", "b"), ("b", "a")] %}
    select
        model_id,
        method_code,
        language_{{ here }} as language_code,
        fact_id,
        language_{{ there }} as other_language_code,
        null_code,
        relation_id,
        object_id,
        null_object_id,
        neuron_count,
        jaccard_score,
        null_value,
        pair_null_score,
        pair_null_spread,
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
        {{ answer }},
        null_code,
        count(*) as compared_language_count,
    from directed
    group by all
    having count(*) / (any_value(null_value_count) + 1) < {{ var("significance_level") }}
),

-- The object null if its smallest possible p value is significant after correction, else the relation null.
chosen as (
    select
        {{ answer }},
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
    inner join chosen using ({{ answer }}, null_code)
)

select * from final
