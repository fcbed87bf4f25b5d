{{ config(materialized='table') }}

{%- set answer = "model_id, method_code, language_code, fact_id" %}

with
int_root_excesses as not materialized (select * from {{ ref('int_root_excesses') }}),

strata as (
    select
        stratum_number,
        count(*) as null_value_count,
        sum(null_excess::decimal(18, 9))::double as null_sum,
    from int_root_excesses
    group by all
),

-- How many values of a stratum's null are as large as this one or larger.
null_places as (
    select
        stratum_number,
        null_excess,
        max(place) as null_above_count,
    from (
        select
            stratum_number,
            null_excess,
            row_number() over (partition by stratum_number order by null_excess desc) as place,
        from int_root_excesses
    )
    group by all
),

-- The smallest value of the null that is not below the overlap; none is, if the overlap is the largest.
ranked as (
    select
        excesses.*,
        strata.null_value_count,
        excesses.pair_null_score
        + excesses.pair_null_spread * strata.null_sum / strata.null_value_count as null_score,
        (coalesce(null_places.null_above_count, 0) + 1) / (strata.null_value_count + 1) as p_value,
    from int_root_excesses as excesses
    inner join strata using (stratum_number)
    asof left join null_places
        on excesses.stratum_number = null_places.stratum_number
        and excesses.excess <= null_places.null_excess
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
        stratum_number,
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

ends as (
    {%- for language in ["language_a", "language_b"] %}
    select
        model_id,
        method_code,
        {{ language }} as language_code,
        fact_id,
        null_code,
        stratum_number,
    from int_root_excesses
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

testable as (
    select
        {{ answer }},
        ends.null_code,
        count(*) as compared_language_count,
    from ends
    inner join strata using (stratum_number)
    group by all
    having count(*) / (any_value(strata.null_value_count) + 1) < {{ var("significance_level") }}
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
