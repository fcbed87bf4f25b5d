with
int_predictions as not materialized (select * from {{ ref('int_predictions') }}),
int_language_facts as not materialized (select * from {{ ref('int_language_facts') }}),
stg_lake__models as (select * from {{ ref('stg_lake__models') }}),
stg_lake__object_rankings as not materialized (select * from {{ ref('stg_lake__object_rankings') }}),
stg_lake__continuations as (select * from {{ ref('stg_lake__continuations') }}),

answers as (
    select
        model_id,
        language_code,
        fact_id,
        count(*) as query_count,
        min(prompt_code) as prompt_code,
        max(len(gold_token_ids))::integer as object_token_count,
        bool_or(is_full_match) as is_full_match,
        bool_or(is_partial_match) as is_partial_match,
        bool_or(is_any_object_match) as is_any_object_match,
        bool_or(is_alias_match) as is_alias_match,
        min(mask_count) filter (where is_full_match) as full_match_mask_count,
        max(gold_log_prob) as gold_log_prob,
        max(gold_rank) as gold_rank,
        coalesce(
            min(predicted_text) filter (where gold_rank is not null),
            -- An imported file need not have ranks: of several answers, the right one or that of fewest masks.
            min_by(predicted_text, (not is_full_match, mask_count, predicted_text)) filter (
                where gold_rank is null
                    and prompt_code is distinct from 'unasked'
                    and (gold_token_ids is null or len(gold_token_ids) = mask_count)
            )
        ) as predicted_text,
    from int_predictions
    group by all
),

-- A subject with one object has one fact, so the answers above are complete for it.
subjects_with_rivals as (
    {{ subjects_with_rivals("int_language_facts") }}
),

subjects as (
    select
        model_id,
        language_code,
        relation_id,
        subject_id,
        bool_or(is_any_object_match) as is_any_object_match,
    from int_predictions
    semi join subjects_with_rivals using (language_code, relation_id, subject_id)
    group by all
),

rankings as (
    select
        model_id,
        language_code,
        fact_id,
        max(candidate_count) as candidate_count,
        {%- for code in ["sum", "mean", "less_prior"] %}
        max(object_rank) filter (where score_code = '{{ code }}') as {{ code }}_candidate_rank,
        {%- endfor %}
    from stg_lake__object_rankings
    group by all
),

-- All facts and models have a row. A missing answer is null and fails a test.
judged as (
    select
        models.model_id,
        language_facts.language_code,
        language_facts.fact_id,
        language_facts.relation_id,
        language_facts.subject_id,
        language_facts.object_id,
        answers.object_token_count,
        coalesce(answers.query_count, 0) as query_count,
        answers.prompt_code,
        answers.predicted_text,
        answers.gold_log_prob,
        answers.gold_rank,
        answers.is_full_match,
        answers.full_match_mask_count,
        answers.is_partial_match,
        case
            when answers.fact_id is not null
            then coalesce(subjects.is_any_object_match, answers.is_any_object_match)
        end as is_any_object_match,
        answers.is_alias_match,
        case when continuations.fact_id is not null then continuations.object_offset is not null end as is_contained,
        case when continuations.fact_id is not null then continuations.alias_offset is not null end as is_alias_contained,
        continuations.continuation_text,
        rankings.candidate_count,
        rankings.sum_candidate_rank,
        rankings.mean_candidate_rank,
        rankings.less_prior_candidate_rank,
    from int_language_facts as language_facts
    inner join stg_lake__models as models
        on models.language_codes is null
        or list_contains(models.language_codes, language_facts.language_code)
    left join answers
        on models.model_id = answers.model_id
        and language_facts.language_code = answers.language_code
        and language_facts.fact_id = answers.fact_id
    left join subjects
        on models.model_id = subjects.model_id
        and language_facts.language_code = subjects.language_code
        and language_facts.relation_id = subjects.relation_id
        and language_facts.subject_id = subjects.subject_id
    left join rankings
        on models.model_id = rankings.model_id
        and language_facts.language_code = rankings.language_code
        and language_facts.fact_id = rankings.fact_id
    left join stg_lake__continuations as continuations
        on models.model_id = continuations.model_id
        and language_facts.language_code = continuations.language_code
        and language_facts.fact_id = continuations.fact_id
),

final as (
    select
        *,
        {{ is_right() }} as is_right,
    from judged
    order by model_id, language_code, fact_id
)

select * from final
