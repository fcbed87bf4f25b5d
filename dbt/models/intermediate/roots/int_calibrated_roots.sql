-- The most probable root of every right answer by the calibrated rule, with the languages from which
-- the answer could come: those whose text states the fact, most probable first.
{%- set keys = "model_id, language_code, fact_id" %}

with
int_paper_roots as (select * from {{ ref('int_paper_roots') }}),
fct_root_features as (select * from {{ ref('fct_root_features') }}),
fct_root_probabilities as (select * from {{ ref('fct_root_probabilities') }}),
fct_fact_presence as (select * from {{ ref('fct_fact_presence') }}),
int_language_facts as (select * from {{ ref('int_language_facts') }}),
stg_lake__languages as (select * from {{ ref('stg_lake__languages') }}),
root_rule_coefficients as (select * from {{ ref('root_rule_coefficients') }}),

answers as (
    select
        paper.model_id,
        paper.language_code,
        paper.fact_id,
        paper.relation_id,
        paper.object_id,
        paper.corpus_id,
        paper.text_unit,
        paper.is_present,
        paper.is_guess,
        paper.full_match_language_count,
        coalesce(probabilities.root_code, 'undetermined') as root_code,
        probabilities.root_probability,
        probabilities.statement_code,
        probabilities.nowhere_score,
        probabilities.elsewhere_only_score,
        probabilities.guess_score,
        features.other_full_match_count,
        features.other_language_count,
    from int_paper_roots as paper
    left join fct_root_features as features using ({{ keys }})
    left join fct_root_probabilities as probabilities using ({{ keys }})
),

linked as (
    select
        answers.model_id,
        answers.language_code,
        answers.fact_id,
        presence.language_code as source_language_code,
        {{ link_code("source_names.object_label = target_names.object_label", "sources.script = targets.script") }}
            as link_code,
    from answers
    inner join fct_fact_presence as presence
        on answers.corpus_id = presence.corpus_id
        and answers.text_unit = presence.text_unit
        and answers.fact_id = presence.fact_id
        and answers.language_code != presence.language_code
    inner join int_language_facts as source_names
        on presence.language_code = source_names.language_code
        and presence.fact_id = source_names.fact_id
    inner join int_language_facts as target_names
        on answers.language_code = target_names.language_code
        and answers.fact_id = target_names.fact_id
    inner join stg_lake__languages as sources on presence.language_code = sources.language_code
    inner join stg_lake__languages as targets on answers.language_code = targets.language_code
    where presence.is_present and answers.root_code in ('transferred', 'either_suffices')
),

sources as (
    select
        {{ keys }},
        list(linked.source_language_code order by weights.coefficient desc, linked.source_language_code)
            as source_language_codes,
        list(weights.coefficient order by weights.coefficient desc) as source_weights,
        list_sum(source_weights) as weight_sum,
    from linked
    inner join root_rule_coefficients as weights
        on weights.outcome_code = 'source'
        and linked.link_code = weights.feature_code
    group by all
),

final as (
    select
        answers.* exclude (
            statement_code, nowhere_score, elsewhere_only_score, guess_score, other_full_match_count,
            other_language_count
        ),
        case
            when statement_code is null then 'feature_missing'
            when statement_code = 'unknown' then 'guess_probability'
            else 'root_probability'
        end as reason_code,
        case reason_code
            when 'feature_missing' then 'the rule needs other languages and other facts of the relation'
            when 'guess_probability' then format('not traced; a guess with probability {:.2f}', guess_score)
            else format(
                '{}; right with probability {:.2f} if only other languages stated it, {:.2f} if none did; '
                || 'right in {} of {} other languages{}',
                if(statement_code = 'stated', 'stated', 'not stated in this language'),
                elsewhere_only_score, nowhere_score, other_full_match_count, other_language_count,
                coalesce('; most probable source: ' || sources.source_language_codes[1], '')
            )
        end as reason,
        coalesce(sources.source_language_codes, []) as source_language_codes,
        coalesce(list_transform(sources.source_weights, lambda w: w / sources.weight_sum), []) as source_probabilities,
        0 as compared_language_count,
        []::varchar[] as shared_language_codes,
    from answers
    left join sources using ({{ keys }})
)

select * from final
