{%- set keys = ["model_id", "language_code", "edit_set_code", "neuron_language_code", "edit_factor"] %}
{%- set key_list = keys | join(", ") %}
{%- set measures = ["related_delta", "unrelated_delta", "random_delta", "over_unrelated", "over_random"] %}

with
stg_lake__interventions as (select * from {{ ref('stg_lake__interventions') }}),
dim_models as (select * from {{ ref('dim_models') }}),
dim_languages as (select * from {{ ref('dim_languages') }}),
dim_facts as (select * from {{ ref('dim_facts') }}),

-- One row per fact, with the three kinds of change as columns.
facts as (
    select
        {{ key_list }},
        fact_id,
        max(neuron_count) as neuron_count,
        {%- for name, query, is_random in [
            ("related", "related", "false"),
            ("unrelated", "unrelated", "false"),
            ("random", "related", "true"),
        ] %}
        max(log_prob_after - log_prob_before) filter (
            where query_code = '{{ query }}' and is_random = {{ is_random }}
        ) as {{ name }}_delta,
        {%- endfor %}
    from stg_lake__interventions
    semi join dim_models using (model_id)
    semi join dim_languages using (language_code)
    group by {{ key_list }}, fact_id
),

observations as (
    select
        facts.*,
        facts.related_delta - facts.unrelated_delta as over_unrelated,
        facts.related_delta - facts.random_delta as over_random,
        {{ object_block() }} as block_index,
    from facts
    inner join dim_facts using (fact_id)
),

means as (
    {{ observed_block_means("observations", keys, measures) }}
),

-- Student's test of the same blocks that give the interval; an effect that is the same for all facts is
-- certain.
tests as (
    select
        *,
        case
            when over_random_error = 0 then if(over_random_score = 0, 1, 0)::double
            else 2 * {{ student_tail("abs(over_random_score / over_random_error)", "(over_random_block_count - 1)") }}
        end as over_random_p,
    from means
),

adjusted as (
    {{ adjust_p_values("tests", ["model_id"], ["over_random_p"]) }}
),

-- As published: the ratio of two mean relative changes of P.
published as (
    select
        {{ key_list }},
        avg(neuron_count order by fact_id) as mean_neuron_count,
        abs(
            avg(exp(related_delta) - 1 order by fact_id)
            / nullif(avg(exp(unrelated_delta) - 1 order by fact_id), 0)
        ) as published_ratio_score,
    from facts
    group by {{ key_list }}
),

final as (
    select
        {{ key_list }},
        means.related_delta_count as fact_count,
        means.unrelated_delta_count as unrelated_fact_count,
        published.mean_neuron_count,
        {%- for measure in measures %}
        means.{{ measure }}_score,
        means.{{ measure }}_score_low,
        means.{{ measure }}_score_high,
        {%- endfor %}
        means.over_random_p as over_random_p_value,
        means.over_random_p_adjusted as over_random_adjusted_p_value,
        means.over_random_p_adjusted < {{ var("significance_level") }} as is_told_from_random,
        published.published_ratio_score,
        -- Needs both suppression and doubling.
        case
            when edit_factor in (0, 2)
                and count(published.published_ratio_score) filter (where edit_factor in (0, 2)) over edits = 2
            then sum(published.published_ratio_score) filter (where edit_factor in (0, 2)) over edits
        end as published_success_score,
    from adjusted as means
    inner join published using ({{ key_list }})
    window edits as (partition by model_id, language_code, edit_set_code, neuron_language_code)
    order by {{ key_list }}
)

select * from final
