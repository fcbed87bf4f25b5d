{%- set keys = "model_id, language_code, fact_id" %}
{%- set best_columns = ["other_language_code", "jaccard_score", "null_score", "p_value", "adjusted_p_value"] %}

with
fct_predictions as (select * from {{ ref('fct_predictions') }}),
int_root_scopes as not materialized (select * from {{ ref('int_root_scopes') }}),
fct_active_neurons as (select * from {{ ref('fct_active_neurons') }}),
int_root_overlaps as (select * from {{ ref('int_root_overlaps') }}),
int_overlap_answers as (select * from {{ ref('int_overlap_answers') }}),
fct_fact_presence as (select * from {{ ref('fct_fact_presence') }}),
int_traced_predictions as (select * from {{ ref('int_traced_predictions') }}),
fct_planted_predictions as (select * from {{ ref('fct_planted_predictions') }}),
unscored_facts as (select * from {{ ref('unscored_facts') }}),

right_answers as (
    select
        predictions.model_id,
        predictions.language_code,
        predictions.fact_id,
        predictions.relation_id,
        predictions.object_id,
        predictions.gold_rank,
        scopes.corpus_id,
        scopes.text_unit,
        scopes.method_code,
        count(*) over (partition by predictions.model_id, predictions.fact_id) as full_match_language_count,
    from fct_predictions as predictions
    inner join int_root_scopes as scopes using (model_id)
    where predictions.is_right
),

scored as (
    select
        model_id,
        method_code,
        language_code,
        fact_id,
        count(*) over (partition by model_id, method_code, fact_id) as scored_language_count,
    from fct_active_neurons
    where neuron_rank = 1
),

method_overlaps as not materialized (
    select tests.*
    from int_root_overlaps as tests
    semi join int_root_scopes as scopes
        on tests.model_id = scopes.model_id
        and tests.method_code = scopes.method_code
),

compared as (
    select
        {{ keys }},
        any_value(null_code) as null_code,
        any_value(compared_language_count) as compared_language_count,
        min_by(
            {
                {%- for column in best_columns %}
                '{{ column }}': {{ column }}{{ "," if not loop.last }}
                {%- endfor %}
            },
            (p_value, null_score - jaccard_score, other_language_code)
        ) as best,
        list(other_language_code order by other_language_code)
            filter (where is_above_null) as shared_language_codes,
    from method_overlaps
    group by all
),

sources as (
    select
        tests.model_id,
        tests.language_code,
        tests.fact_id,
        list(tests.other_language_code order by tests.other_language_code) as source_language_codes,
    from method_overlaps as tests
    inner join int_root_scopes as scopes using (model_id)
    inner join fct_fact_presence as presence
        on scopes.corpus_id = presence.corpus_id
        and scopes.text_unit = presence.text_unit
        and tests.other_language_code = presence.language_code
        and tests.fact_id = presence.fact_id
    where tests.is_above_null and tests.null_code = 'object' and presence.is_present
    group by all
),

final as (
    select
        right_answers.*,
        traced.is_present,
        case when not traced.is_present then traced.fact_type_code end as fact_type_code,
        planted.is_guess,
        scored.scored_language_count,
        unscored.reason_code as unscored_code,
        coalesce(compared.compared_language_count, 0) as compared_language_count,
        compared.null_code,
        {%- for column in best_columns %}
        compared.best['{{ column }}'] as best_{{ column }},
        {%- endfor %}
        answers.across_facts_p_value,
        coalesce(compared.shared_language_codes, []) as shared_language_codes,
        coalesce(sources.source_language_codes, []) as source_language_codes,
    from right_answers
    left join int_traced_predictions as traced using ({{ keys }}, text_unit)
    left join fct_planted_predictions as planted using ({{ keys }})
    left join scored using ({{ keys }}, method_code)
    left join unscored_facts as unscored using ({{ keys }}, method_code)
    left join compared using ({{ keys }})
    left join int_overlap_answers as answers using ({{ keys }}, method_code)
    left join sources using ({{ keys }})
)

select * from final
