-- How much of P@1 remains without cues?
-- Right answers are left out whose fact the language's text never states and whose names give the object
-- away. Facts that the text states stay in, with or without a cue: what remains is an upper bound. Only
-- models whose training text was traced.
-- columns: model_id, language_code, fact_count, full_match_count, full_match_rate, cue_count,
--   left_rate, lost_rate
-- rows: 0..*, one per model_id, language_code
select
    languages.model_id,
    languages.language_code,
    languages.fact_count,
    languages.full_match_count,
    languages.full_match_rate,
    roots.root_count as cue_count,
    (languages.full_match_count - roots.root_count) / languages.fact_count as left_rate,
    roots.root_count / languages.fact_count as lost_rate,
from p_at_1_by_language as languages
inner join roots_by_language as roots using (model_id, language_code)
where roots.rule_code = 'paper'
    and roots.root_code = 'cue'
    and languages.model_id in (select model_id from absence_by_language)
order by languages.model_id, lost_rate desc, languages.language_code
-- n: format('{:,} questions', sum(fact_count)::bigint)
