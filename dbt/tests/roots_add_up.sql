-- Every right answer has one root: roots add up to P@1 and to their overview, sources to their matrices, truths to the roots.
with
roots_by_language as not materialized (select * from {{ ref('roots_by_language') }}),
p_at_1_by_language as (select * from {{ ref('p_at_1_by_language') }}),
fct_fact_roots as not materialized (select * from {{ ref('fct_fact_roots') }}),
fact_types_by_language as (select * from {{ ref('fact_types_by_language') }}),
roots_overview as (select * from {{ ref('roots_overview') }}),
root_matrix as (select * from {{ ref('root_matrix') }}),
probable_sources as (select * from {{ ref('probable_sources') }}),
root_accuracy as (select * from {{ ref('root_accuracy') }}),
fct_planted_predictions as (select * from {{ ref('fct_planted_predictions') }}),

languages as (
    select
        model_id,
        language_code,
        rule_code,
        sum(root_count) as root_count,
        any_value(full_match_count) as full_match_count,
    from roots_by_language
    group by all
),

languages_against_p_at_1 as (
    select
        'roots_by_language does not add up to p_at_1_by_language' as problem,
        model_id,
        language_code as place,
    from p_at_1_by_language as p_at_1
    cross join (select unnest(['paper', 'calibrated']) as rule_code) as rules
    left join languages using (model_id, language_code, rule_code)
    where languages.root_count is distinct from p_at_1.right_count
        or languages.full_match_count is distinct from p_at_1.right_count
),

sums as (
    select
        model_id,
        rule_code,
        root_code,
        sum(root_count) as root_count,
    from roots_by_language
    group by all
),

overview_against_languages as (
    select
        'roots_overview does not hold the sum over roots_by_language' as problem,
        model_id,
        overview.root_code,
    from sums
    inner join roots_overview as overview using (model_id, rule_code, root_code)
    where overview.root_count != sums.root_count
),

types as (
    select
        model_id,
        language_code,
        count(*) filter (where root_code = 'transferred') as transferred_count,
        count(*) filter (where root_code = 'cue') as cue_count,
        any_value(text_unit) as text_unit,
    from fct_fact_roots
    where rule_code = 'paper' and text_unit is not null
    group by all
),

traced_types as (
    select
        model_id,
        text_unit,
        language_code,
        sum(type_count) filter (where fact_type_code = 'others') as others_count,
        sum(type_count) filter (where fact_type_code != 'others') as cue_count,
    from fact_types_by_language
    group by all
),

roots_against_types as (
    select
        'transferred and cue are not the types of fact_types_by_language' as problem,
        model_id,
        language_code,
    from types
    inner join traced_types using (model_id, text_unit, language_code)
    where types.transferred_count != traced_types.others_count
        or types.cue_count != traced_types.cue_count
),

sources as (
    select
        model_id,
        root_code,
        language_code,
        sum(len(source_language_codes)) as source_count,
    from fct_fact_roots
    where rule_code = 'paper' and root_code in ('shared', 'transferred')
    group by all
),

matrix as (
    select
        model_id,
        root_code,
        target_language_code as language_code,
        sum(source_count) as source_count,
        min(root_count) as least_root_count,
        max(root_count) as root_count,
    from root_matrix
    group by all
),

matrix_against_roots as (
    select
        'root_matrix does not hold the sources of fct_fact_roots' as problem,
        model_id,
        language_code,
    from matrix
    full join sources using (model_id, root_code, language_code)
    left join roots_by_language as roots
        on matrix.model_id = roots.model_id
        and matrix.root_code = roots.root_code
        and matrix.language_code = roots.language_code
        and roots.rule_code = 'paper'
    -- A study of one language has no pairs, and no sources.
    where coalesce(matrix.source_count, 0) != coalesce(sources.source_count, 0)
        or matrix.least_root_count != matrix.root_count
        or matrix.root_count != roots.root_count
),

with_sources as (
    select
        model_id,
        language_code,
        root_code,
        count(*) filter (where len(source_language_codes) > 0) as answer_count,
    from fct_fact_roots
    where rule_code = 'calibrated' and root_code in ('either_suffices', 'transferred')
    group by all
),

expected as (
    select
        model_id,
        target_language_code as language_code,
        root_code,
        sum(expected_sum) as expected_sum,
    from probable_sources
    group by all
),

probable_against_roots as (
    select
        'the sources of an answer do not share it in probable_sources' as problem,
        model_id,
        language_code,
    from with_sources
    full join expected using (model_id, language_code, root_code)
    where abs(coalesce(with_sources.answer_count, 0) - coalesce(expected.expected_sum, 0)) > 1e-6
),

truths as (
    select
        model_id,
        rule_code,
        root_code,
        max(root_count) as root_count,
    from root_accuracy
    where labels_code = 'given' and half_code = 'all'
    group by all
),

planted_roots as (
    select
        roots.model_id,
        roots.rule_code,
        roots.root_code,
        count(*) as root_count,
    from fct_fact_roots as roots
    semi join fct_planted_predictions using (model_id, language_code, fact_id)
    group by all
),

truths_against_roots as (
    select
        'root_accuracy has more answers with a root than fct_fact_roots' as problem,
        model_id,
        root_code,
    from truths
    inner join planted_roots using (model_id, rule_code, root_code)
    where truths.root_count > planted_roots.root_count
),

final as (
    select * from languages_against_p_at_1
    union all
    select * from overview_against_languages
    union all
    select * from roots_against_types
    union all
    select * from matrix_against_roots
    union all
    select * from probable_against_roots
    union all
    select * from truths_against_roots
)

select * from final
