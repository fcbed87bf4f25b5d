{%- set keys = "model_id, language_code, fact_id" %}

with right_answers as (
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
    from {{ ref('fct_predictions') }} as predictions
    inner join {{ ref('int_root_scopes') }} as scopes using (model_id)
    where predictions.is_full_match
),

scored as (
    select
        model_id,
        method_code,
        language_code,
        fact_id,
        count(*) over (partition by model_id, method_code, fact_id) as scored_language_count,
    from {{ ref('fct_active_neurons') }}
    where neuron_rank = 1
),

comparisons as (
    select
        {{ keys }},
        any_value(null_code) as null_code,
        any_value(compared_language_count) as compared_language_count,
        min_by(
            {
                {%- for column in ["other_language_code", "jaccard_score", "null_score", "p_value", "adjusted_p_value"] %}
                'best_{{ column }}': {{ column }}{{ "," if not loop.last }}
                {%- endfor %}
            },
            (p_value, null_score - jaccard_score, other_language_code)
        ) as best,
        list(other_language_code order by other_language_code)
            filter (where is_above_null) as shared_language_codes,
    from {{ ref('int_root_overlaps') }}
    group by all
),

compared as (
    select
        * exclude (best),
        unnest(best),
    from comparisons
),

sources as (
    select
        tests.model_id,
        tests.language_code,
        tests.fact_id,
        list(tests.other_language_code order by tests.other_language_code) as source_language_codes,
    from {{ ref('int_root_overlaps') }} as tests
    inner join {{ ref('int_root_scopes') }} as scopes using (model_id)
    inner join {{ ref('fct_fact_presence') }} as presence
        on scopes.corpus_id = presence.corpus_id
        and scopes.text_unit = presence.text_unit
        and tests.other_language_code = presence.language_code
        and tests.fact_id = presence.fact_id
    where tests.is_above_null and presence.is_present
    group by all
),

evidence as (
    select
        right_answers.*,
        traced.is_present,
        case when not traced.is_present then traced.fact_type_code end as fact_type_code,
        planted.is_guess,
        scored.scored_language_count,
        unscored.reason_code as unscored_code,
        coalesce(compared.compared_language_count, 0) as compared_language_count,
        compared.* exclude ({{ keys }}, compared_language_count, shared_language_codes),
        coalesce(compared.shared_language_codes, []) as shared_language_codes,
        coalesce(sources.source_language_codes, []) as source_language_codes,
    from right_answers
    left join {{ ref('int_traced_predictions') }} as traced using ({{ keys }}, text_unit)
    left join {{ ref('fct_planted_predictions') }} as planted using ({{ keys }})
    left join scored using ({{ keys }}, method_code)
    left join {{ ref('unscored_facts') }} as unscored using ({{ keys }}, method_code)
    left join compared using ({{ keys }})
    left join sources using ({{ keys }})
),

-- The first that holds; all before the overlap are reasons for which it cannot be judged.
reasoned as (
    select
        *,
        case
            when is_present is null then 'not_traced'
            when not is_present and fact_type_code = 'others' then 'absent_without_cue'
            when not is_present then fact_type_code
            when unscored_code is not null then unscored_code
            when scored_language_count is null and gold_rank is distinct from 1 then 'other_mask_count'
            when scored_language_count is null then 'not_attributed'
            when full_match_language_count = 1 then 'right_nowhere_else'
            when scored_language_count = 1 then 'no_neurons_elsewhere'
            when compared_language_count = 0 then 'null_too_small'
            when len(shared_language_codes) > 0 then 'overlap_above_null'
            else 'overlap_within_null'
        end as reason_code,
    from evidence
),

final as (
    select
        {{ keys }},
        relation_id,
        object_id,
        corpus_id,
        text_unit,
        method_code,
        is_present,
        fact_type_code,
        full_match_language_count,
        compared_language_count,
        best_other_language_code as best_language_code,
        best_jaccard_score as overlap_score,
        null_code,
        best_null_score as null_score,
        best_p_value as p_value,
        best_adjusted_p_value as adjusted_p_value,
        shared_language_codes,
        source_language_codes,
        is_guess,
        case reason_code
            when 'absent_without_cue' then 'transferred'
            when 'shared_tokens' then 'cue'
            when 'naming' then 'cue'
            when 'overlap_above_null' then 'shared'
            when 'overlap_within_null' then 'independent'
            else 'undetermined'
        end as root_code,
        reason_code,
        case reason_code
            when 'not_traced' then 'whether the training text states it was not traced'
            when 'absent_without_cue' then 'the text of this language does not state it, and the names give nothing away'
            when 'shared_tokens' then 'the text of this language does not state it, but the names share tokens'
            when 'naming' then 'the text of this language does not state it, but in this relation names give the object away'
            when 'only_fact' then 'stated, but no neurons: no other fact of its relation is right in this language'
            when 'no_contrast' then 'stated, but no neurons: the queries of its relation are too few to tell neurons apart'
            when 'other_mask_count' then 'stated, but no neurons: right only with another number of masks than the object has tokens'
            when 'not_attributed' then 'stated, but its neurons were not asked for'
            when 'right_nowhere_else' then 'stated, and right in no other language whose neurons could be compared'
            when 'no_neurons_elsewhere' then 'stated, but no other language has neurons of it to compare with'
            when 'null_too_small' then 'stated, but too few other facts overlap in these languages to say what chance gives'
            else format(
                'stated; neurons overlap {} with those in {} ({:.3f}; {:.3f} for facts with the same {}; p {:.4f} after correction for {} languages)',
                if(reason_code = 'overlap_above_null', 'more', 'no more'),
                best_other_language_code, best_jaccard_score, best_null_score, null_code,
                best_adjusted_p_value, compared_language_count
            )
        end as reason,
    from reasoned
    order by {{ keys }}
)

select * from final
