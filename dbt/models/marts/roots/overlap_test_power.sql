-- The null world of the lake: each overlap is replaced by that of another fact with the same object. Then
-- some neurons of both sets are replaced by common ones, and the test of fct_fact_roots is asked.
{%- set keys = ["model_id", "method_code", "planted_scope_code", "planted_neuron_count"] %}
{%- set key_list = keys | join(", ") %}
{%- set stratum = "model_id, method_code, relation_id, object_id" %}

with
int_root_overlaps as (select * from {{ ref('int_root_overlaps') }}),
int_root_excesses as (select * from {{ ref('int_root_excesses') }}),

drawn_facts as (
    select fact_id
    from (select distinct fact_id from int_root_overlaps where null_code = 'object')
    order by {{ draw("fact_id") }}
    limit {{ var("power_fact_count") }}
),

-- An excess is significant if it is above the null value at this place, from the largest.
tests as (
    select
        *,
        ceil({{ var("significance_level") }}::double * (null_value_count + 1) / compared_language_count)::bigint - 1
            as critical_place,
    from int_root_overlaps
    semi join drawn_facts using (fact_id)
    where null_code = 'object'
),

null_places as (
    select
        stratum_number,
        null_excess as critical_excess,
        row_number() over (partition by stratum_number order by null_excess desc) as critical_place,
    from int_root_excesses
    where null_code = 'object'
),

planted as (
    select
        {{ stratum }},
        tests.language_code,
        tests.fact_id,
        planted.planted_neuron_count,
        round(
            tests.null_value * tests.neuron_count / (1 + tests.null_value)
            * (1 - least(1, 2 * planted.planted_neuron_count / tests.neuron_count)) ** 2
        ) + least(planted.planted_neuron_count, tests.neuron_count / 2) as common_count,
        common_count / (tests.neuron_count - common_count) as planted_jaccard,
        round((planted_jaccard - tests.pair_null_score) / tests.pair_null_spread, 9) > critical_excess as is_found,
    from tests
    inner join null_places using (stratum_number, critical_place)
    cross join (
        select unnest({{ var("planted_neuron_counts") }}) as planted_neuron_count
    ) as planted
),

trials as (
    select
        {{ stratum }},
        'one' as planted_scope_code,
        planted_neuron_count,
        is_found::integer as is_found,
        1 as is_trial,
    from planted
    union all
    select
        {{ stratum }},
        'all',
        planted_neuron_count,
        bool_or(is_found)::integer,
        1,
    from planted
    group by {{ stratum }}, planted_neuron_count, language_code, fact_id
),

clusters as (
    {{ effective_counts("trials", keys, "relation_id, object_id", "is_found", "is_trial", "found") }}
),

counts as (
    select
        {{ key_list }},
        count(*) as trial_count,
        sum(is_found)::bigint as found_count,
    from trials
    group by all
),

final as (
    select
        {{ key_list }},
        trial_count,
        clusters.found_cluster_count as object_count,
        found_count,
        found_count / trial_count as found_rate,
        {{ clustered_wilson("found_rate", "found_effective_count", "found_cluster_count", "found_rate") }},
    from counts
    inner join clusters using ({{ key_list }})
    order by {{ key_list }}
)

select * from final
