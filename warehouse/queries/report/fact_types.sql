-- Why facts can be predicted that no text of the language states
-- Shared tokens and naming are cues in the names themselves. What remains ('others') is what transfer has to explain.
-- n: format('{:,} right answers that the text does not state', sum(type_count)::bigint)
select
    model_id,
    language_code,
    fact_type_code,
    type_count,
    type_rate,
    absent_full_match_count,
from fact_types_by_language
where text_unit = (select min(text_unit) from fact_types_by_language)
    and (model_id, corpus_id) in (select (model_id, corpus_id) from dim_models)
order by model_id, language_code, fact_type_code
