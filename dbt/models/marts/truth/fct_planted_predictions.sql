with
stg_lake__atlas_truth as (select * from {{ ref('stg_lake__atlas_truth') }}),
int_language_facts as (select * from {{ ref('int_language_facts') }}),
stg_lake__languages as (select * from {{ ref('stg_lake__languages') }}),
fct_predictions as (select * from {{ ref('fct_predictions') }}),
dim_models as (select * from {{ ref('dim_models') }}),

labels as (
    select
        language_facts.language_code,
        language_facts.fact_id,
        language_facts.object_label,
        languages.script,
    from int_language_facts as language_facts
    inner join stg_lake__languages as languages using (language_code)
),

-- Other languages of the corpus in which the fact is planted, and how similar the names are there.
links as (
    select
        truth.corpus_id,
        truth.language_code,
        truth.fact_id,
        bool_or(there.object_label = here.object_label) as is_identical_string,
        bool_or(there.script = here.script) as is_same_script,
    from stg_lake__atlas_truth as truth
    inner join stg_lake__atlas_truth as elsewhere
        on truth.corpus_id = elsewhere.corpus_id
        and truth.fact_id = elsewhere.fact_id
        and truth.language_code != elsewhere.language_code
        and elsewhere.is_planted
    inner join labels as here
        on truth.language_code = here.language_code
        and truth.fact_id = here.fact_id
    inner join labels as there
        on elsewhere.language_code = there.language_code
        and elsewhere.fact_id = there.fact_id
    where not truth.is_planted
    group by all
),

presence as (
    select
        truth.corpus_id,
        truth.language_code,
        truth.fact_id,
        case
            when truth.is_planted then 'here'
            when links.fact_id is not null then 'elsewhere'
            else 'nowhere'
        end as presence_code,
        case
            when links.fact_id is null then 'none'
            else {{ link_code("links.is_identical_string", "links.is_same_script") }}
        end as link_code,
    from stg_lake__atlas_truth as truth
    left join links using (corpus_id, language_code, fact_id)
),

verdicts as (
    select
        predictions.model_id,
        models.corpus_id,
        models.step_index,
        models.objective,
        predictions.language_code,
        predictions.fact_id,
        predictions.relation_id,
        predictions.object_id,
        presence.presence_code,
        presence.link_code,
        predictions.is_full_match,
    from fct_predictions as predictions
    inner join dim_models as models using (model_id)
    inner join presence using (corpus_id, language_code, fact_id)
),

-- Control models: finished models with the same objective and another corpus, in which the fact is
-- planted nowhere. What they get right too is a guess.
controls as (
    select
        verdicts.model_id,
        verdicts.language_code,
        verdicts.fact_id,
        count(*) as twin_count,
        count(*) filter (where twin_verdicts.is_full_match) as twin_full_match_count,
    from verdicts
    inner join verdicts as twin_verdicts
        on verdicts.language_code = twin_verdicts.language_code
        and verdicts.fact_id = twin_verdicts.fact_id
        and verdicts.corpus_id != twin_verdicts.corpus_id
        and verdicts.objective = twin_verdicts.objective
        and twin_verdicts.presence_code = 'nowhere'
        and twin_verdicts.step_index is null
    where verdicts.presence_code = 'elsewhere'
    group by all
),

final as (
    select
        verdicts.model_id,
        verdicts.language_code,
        verdicts.fact_id,
        verdicts.relation_id,
        verdicts.object_id,
        verdicts.corpus_id,
        verdicts.presence_code,
        verdicts.link_code,
        verdicts.is_full_match,
        coalesce(controls.twin_count, 0) as twin_count,
        coalesce(controls.twin_full_match_count, 0) as twin_full_match_count,
        case when controls.twin_count > 0 then verdicts.is_full_match and controls.twin_full_match_count > 0 end as is_guess,
    from verdicts
    left join controls using (model_id, language_code, fact_id)
    order by verdicts.model_id, verdicts.language_code, verdicts.fact_id
)

select * from final
