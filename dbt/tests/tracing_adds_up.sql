-- The same counts, computed in two ways, agree: scopes and P@1, scopes among themselves, types and
-- listed facts, the overviews and the languages, kinds of distractors and their total.
with
absence_by_language as (select * from {{ ref('absence_by_language') }}),
p_at_1_by_language as (select * from {{ ref('p_at_1_by_language') }}),
fact_types_by_language as not materialized (select * from {{ ref('fact_types_by_language') }}),
absent_predictable_facts as (select * from {{ ref('absent_predictable_facts') }}),
fact_types_overview as (select * from {{ ref('fact_types_overview') }}),
absence_overview as (select * from {{ ref('absence_overview') }}),
tracing_accuracy as (select * from {{ ref('tracing_accuracy') }}),
dim_models as (select * from {{ ref('dim_models') }}),
dim_corpora as (select * from {{ ref('dim_corpora') }}),

scopes as (
    pivot absence_by_language
    on scope_code in ('all', 'full_match', 'full_match_not_easy', 'full_match_not_easy_published')
    using any_value(fact_count) as facts, any_value(absent_count) as absent
    group by model_id, text_unit, language_code
),

scopes_against_p_at_1 as (
    select
        'absence_by_language has other facts than p_at_1_by_language' as problem,
        model_id as owner_id,
        language_code as place,
    from scopes
    left join p_at_1_by_language as p_at_1 using (model_id, language_code)
    inner join dim_models using (model_id)
    inner join dim_corpora using (corpus_id)
    -- Counts that others made can lack facts.
    where not dim_corpora.is_imported
        and (
            scopes.all_facts is distinct from p_at_1.fact_count
            or scopes.full_match_facts is distinct from p_at_1.right_count
        )
),

scopes_against_each_other as (
    select
        'the scopes of absence_by_language do not nest' as problem,
        model_id,
        language_code,
    from scopes
    where full_match_absent > all_absent
        or full_match_not_easy_facts > full_match_facts
        or full_match_not_easy_absent != full_match_not_easy_published_absent
        or full_match_not_easy_published_facts != full_match_facts
),

types as (
    select
        model_id,
        text_unit,
        language_code,
        sum(type_count) as type_count,
        sum(type_count) filter (where fact_type_code = 'others') as others_count,
        any_value(absent_full_match_count) as absent_full_match_count,
    from fact_types_by_language
    group by all
),

types_against_scopes as (
    select
        'fact_types_by_language does not add up to absence_by_language' as problem,
        coalesce(types.model_id, scopes.model_id) as model_id,
        coalesce(types.language_code, scopes.language_code) as language_code,
    from types
    full join scopes using (model_id, text_unit, language_code)
    inner join dim_models on coalesce(types.model_id, scopes.model_id) = dim_models.model_id
    -- Without a tokenizer no fact has a type.
    where dim_models.tokenizer_hash is not null and (types.type_count is distinct from scopes.full_match_absent
        or types.absent_full_match_count is distinct from scopes.full_match_absent
        or types.others_count is distinct from scopes.full_match_not_easy_absent)
),

browsable as (
    select
        model_id,
        text_unit,
        language_code,
        fact_type_code,
        count(*) as fact_count,
    from absent_predictable_facts
    group by all
),

browsable_against_types as (
    select
        'absent_predictable_facts has other facts than fact_types_by_language' as problem,
        coalesce(types.model_id, browsable.model_id) as model_id,
        coalesce(types.language_code, browsable.language_code) as language_code,
    from fact_types_by_language as types
    full join browsable using (model_id, text_unit, language_code, fact_type_code)
    where coalesce(types.type_count, -1) != coalesce(browsable.fact_count, 0)
),

sums as (
    select
        model_id,
        text_unit,
        fact_type_code,
        sum(type_count) as type_count,
        sum(absent_full_match_count) as absent_full_match_count,
    from fact_types_by_language
    group by all
),

overview_against_languages as (
    select
        'fact_types_overview does not hold the sum over fact_types_by_language' as problem,
        model_id,
        overview.fact_type_code,
    from sums
    inner join fact_types_overview as overview using (model_id, text_unit, fact_type_code)
    where overview.type_count != sums.type_count
        or overview.absent_full_match_count != sums.absent_full_match_count
),

absent_sums as (
    select
        model_id,
        text_unit,
        scope_code,
        sum(absent_count) as absent_count,
        sum(fact_count) as fact_count,
    from absence_by_language
    group by all
),

absence_against_languages as (
    select
        'absence_overview does not hold the sum over absence_by_language' as problem,
        model_id,
        overview.scope_code,
    from absent_sums
    inner join absence_overview as overview using (model_id, text_unit, scope_code)
    where overview.absent_count != absent_sums.absent_count
        or overview.fact_count != absent_sums.fact_count
),

kinds as (
    select
        corpus_id,
        text_unit,
        language_code,
        sum(unplanted_count) filter (where distractor_kind != 'all') as unplanted_count,
        sum(unplanted_found_count) filter (where distractor_kind != 'all') as unplanted_found_count,
        any_value(unplanted_count) filter (where distractor_kind = 'all') as all_unplanted_count,
        any_value(unplanted_found_count) filter (where distractor_kind = 'all') as all_unplanted_found_count,
    from tracing_accuracy
    group by all
),

kinds_against_all as (
    select
        'the kinds of distractors do not add up in tracing_accuracy' as problem,
        corpus_id,
        language_code,
    from kinds
    where coalesce(unplanted_count, 0) != all_unplanted_count
        or coalesce(unplanted_found_count, 0) != all_unplanted_found_count
),

final as (
    select * from scopes_against_p_at_1
    union all
    select * from scopes_against_each_other
    union all
    select * from types_against_scopes
    union all
    select * from browsable_against_types
    union all
    select * from overview_against_languages
    union all
    select * from absence_against_languages
    union all
    select * from kinds_against_all
)

select * from final
