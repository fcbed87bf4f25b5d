{{ config(materialized='table') }}

{%- set pair = "model_id, method_code, null_code, language_a, language_b" %}
{%- set stratum = "model_id, method_code, null_code, relation_id, null_object_id" %}

with
int_neuron_overlaps as not materialized (select * from {{ ref('int_neuron_overlaps') }}),

-- One null overlap per fact: a mean of two would vary less than the single overlap it is compared with.
-- A fact is tested where it has a null overlap itself: without another right fact of its object in two
-- languages, same fact and same object cannot be separated there.
own_overlaps as (
    {%- for null in ["object", "relation"] %}
    select
        model_id,
        method_code,
        '{{ null }}' as null_code,
        language_a,
        language_b,
        relation_id,
        object_id,
        {{ "object_id" if null == "object" else "''" }} as null_object_id,
        fact_id,
        neuron_count,
        jaccard_score,
        {{ null }}_null_single_score as null_value,
    from int_neuron_overlaps
    where {{ null }}_null_single_score is not null
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

levels as (
    select
        {{ pair }},
        {{ exact_mean("null_value") }} as pair_null_score,
        stddev_samp(null_value order by null_value) as pair_null_spread,
    from own_overlaps
    group by all
    having count(*) >= {{ var("smallest_null") }} and pair_null_spread > 0
),

-- Overlaps are ranked among the null of their own object, or of their relation: objects differ in how
-- much their facts overlap.
strata as (
    select distinct {{ stratum }} from own_overlaps
),

stratum_numbers as (
    {{ numbered("strata", "(" ~ stratum ~ ")", "stratum_number") }}
),

-- Pairs of languages differ in how much any two facts overlap. Standardized by their pair's null, the
-- overlaps of all pairs of languages can be compared. Rounded, so that equal overlaps are equal.
final as (
    select
        own_overlaps.* exclude (null_object_id),
        stratum_numbers.stratum_number,
        levels.pair_null_score,
        levels.pair_null_spread,
        round((own_overlaps.jaccard_score - levels.pair_null_score) / levels.pair_null_spread, 9) as excess,
        round((own_overlaps.null_value - levels.pair_null_score) / levels.pair_null_spread, 9) as null_excess,
    from own_overlaps
    inner join levels using ({{ pair }})
    inner join stratum_numbers using ({{ stratum }})
)

select * from final
