{{ config(materialized='table') }}

{%- set nulls = ["object", "relation"] %}
{%- set pair = "model_id, null_code, language_a, language_b" %}
{%- set stratum = "model_id, null_code, relation_id" %}

with compared as (
    select neurons.*
    from {{ ref('int_neuron_overlaps') }} as neurons
    semi join {{ ref('int_root_scopes') }} as scopes
        on neurons.model_id = scopes.model_id
        and neurons.method_code = scopes.method_code
),

-- One overlap of different facts per fact: a mean of two would spread less than the overlap of one.
null_values as (
    {%- for null in nulls %}
    select
        model_id,
        '{{ null }}' as null_code,
        language_a,
        language_b,
        relation_id,
        {{ null }}_null_single_score as null_value,
    from compared
    where {{ null }}_null_single_score is not null
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

levels as (
    select
        {{ pair }},
        avg(null_value order by null_value) as null_score,
        stddev_samp(null_value order by null_value) as null_spread,
    from null_values
    group by all
    having count(*) >= {{ var("smallest_null") }} and null_spread > 0
),

-- Languages differ in how much they have in common for any two facts. Measured from there, in units
-- of its spread, the overlaps of all pairs of languages in a relation are of one kind.
excesses as (
    select
        {{ pair }},
        compared.relation_id,
        compared.fact_id,
        compared.jaccard_score,
        levels.null_score,
        (compared.jaccard_score - levels.null_score) / levels.null_spread as excess,
    from compared
    inner join levels using (model_id, language_a, language_b)
    union all
    select
        {{ pair }},
        null_values.relation_id,
        null as fact_id,
        null as jaccard_score,
        null as null_score,
        (null_values.null_value - levels.null_score) / levels.null_spread,
    from null_values
    inner join levels using ({{ pair }})
),

excess_counts as (
    select
        {{ stratum }},
        excess,
        count(*) filter (where fact_id is null) as null_count,
    from excesses
    group by all
),

-- Ties count as above.
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
    from excesses
    inner join ranks using ({{ stratum }}, excess)
    where excesses.fact_id is not null
),

-- Both ways: each language of a pair has its own number of languages to be compared with.
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

-- The same object's null where its smallest p value survives the correction, else the relation's.
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
