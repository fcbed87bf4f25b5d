{%- set keys = ["objective", "corpus_id", "control_corpus_id", "scope_kind", "scope_code", "stratum_code"] %}
{%- set key_list = keys | join(", ") %}

with
int_transfer_cells as not materialized (select * from {{ ref('int_transfer_cells') }}),

totals as (
    select
        objective,
        corpus_id,
        control_corpus_id,
        scope_kind,
        scope_code,
        stratum_code,
        count(distinct model_id) filter (where treated_count > 0) as model_count,
        count(distinct model_id) filter (where control_count > 0) as control_model_count,
        count(distinct fact_id) filter (where treated_count > 0) as fact_count,
        count(distinct fact_id) filter (where control_count > 0) as control_fact_count,
        sum(treated_count)::bigint as treated_count,
        sum(treated_match_count)::bigint as treated_match_count,
        sum(guess_count)::bigint as guess_count,
        sum(control_count)::bigint as control_count,
        sum(control_match_count)::bigint as control_match_count,
    from int_transfer_cells
    group by all
),

treated_effective_counts as (
    {{ effective_counts("int_transfer_cells", keys, "fact_id", "treated_match_count", "treated_count", "treated") }}
),

control_effective_counts as (
    {{ effective_counts("int_transfer_cells", keys, "fact_id", "control_match_count", "control_count", "control") }}
),

fact_variances as (
    {{ cluster_variance("int_transfer_cells", "totals", keys, "fact_id") }}
),

-- The models of a corpus are its seeds.
seed_variances as (
    {{ cluster_variance("int_transfer_cells", "totals", keys, "model_id", "model_corpus_id") }}
),

effects as (
    select
        totals.*,
        totals.treated_match_count / totals.treated_count::double
            - totals.control_match_count / totals.control_count::double as effect_score,
        sqrt(fact_variances.variance + seed_variances.variance) as effect_error,
    from totals
    left join fact_variances using ({{ key_list }})
    left join seed_variances using ({{ key_list }})
    where totals.treated_count > 0
),

final as (
    select
        objective,
        corpus_id,
        control_corpus_id,
        scope_kind,
        scope_code,
        stratum_code,
        if(corpus_id = control_corpus_id, 'same_corpus', 'twin_corpus') as contrast_code,
        model_count,
        control_model_count,
        fact_count,
        control_fact_count,
        treated_count,
        treated_match_count,
        treated_match_count / treated_count as treated_match_rate,
        {{ clustered_wilson(
            "treated_match_rate", "treated_effective_count", "treated_cluster_count", "treated_match_rate"
        ) }},
        control_count,
        control_match_count,
        control_match_count / nullif(control_count, 0) as control_match_rate,
        {{ clustered_wilson(
            "control_match_rate", "control_effective_count", "control_cluster_count", "control_match_rate"
        ) }},
        if(control_count > 0, effect_score, null) as effect_score,
        greatest(-1, effect_score - {{ var('interval_z') }} * effect_error) as effect_score_low,
        least(1, effect_score + {{ var('interval_z') }} * effect_error) as effect_score_high,
        if(corpus_id = control_corpus_id, null, guess_count) as guess_count,
    from effects
    left join treated_effective_counts using ({{ key_list }})
    left join control_effective_counts using ({{ key_list }})
    order by {{ key_list }}
)

select * from final
