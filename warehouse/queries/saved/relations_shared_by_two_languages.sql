-- Which relations are best shared between two languages?
-- Of the facts that the dataset holds in both: those right in both, divided by those right in either.
-- columns: model_id, relation_id, relation_name, fact_count, right_a_count, right_b_count,
--   right_in_both_count, right_in_either_count, jaccard_rate
-- rows: 0..*, one per model_id, relation_id
-- variables: language_a = id, or the study's first language; language_b = ms, or the first other one
with chosen_a as (
    select
        case
            when getvariable('language_a') is null
            then coalesce(
                max(language_code) filter (language_code = 'id'),
                list(language_code order by language_code)[1]
            )
            when bool_or(language_code = getvariable('language_a')) then getvariable('language_a')
            else error(
                'no language ''' || getvariable('language_a') || ''' in this study; known: '
                || string_agg(language_code, ', ' order by language_code)
            )
        end as language_code,
    from dim_languages
),

chosen_b as (
    select
        case
            when getvariable('language_b') is null
            then coalesce(
                max(language_code) filter (language_code = 'ms'),
                min(language_code) filter (language_code != (select language_code from chosen_a))
            )
            when bool_or(language_code = getvariable('language_b')) then getvariable('language_b')
            else error(
                'no language ''' || getvariable('language_b') || ''' in this study; known: '
                || string_agg(language_code, ', ' order by language_code)
            )
        end as language_code,
    from dim_languages
),

counts as (
    select
        a.model_id,
        a.relation_id,
        count(*) as fact_count,
        count(*) filter (a.is_full_match) as right_a_count,
        count(*) filter (b.is_full_match) as right_b_count,
        count(*) filter (a.is_full_match and b.is_full_match) as right_in_both_count,
        count(*) filter (a.is_full_match or b.is_full_match) as right_in_either_count,
    from fct_predictions as a
    inner join fct_predictions as b using (model_id, fact_id)
    inner join chosen_a on a.language_code = chosen_a.language_code
    inner join chosen_b on b.language_code = chosen_b.language_code
    group by a.model_id, a.relation_id
)

select
    counts.model_id,
    counts.relation_id,
    relations.relation_name,
    counts.* exclude (model_id, relation_id),
    counts.right_in_both_count / nullif(counts.right_in_either_count, 0) as jaccard_rate,
from counts
inner join dim_relations as relations using (relation_id)
order by counts.model_id, jaccard_rate desc nulls last, counts.fact_count desc, counts.relation_id
