-- How much does a model know in each language, and how much text was there to learn from?
-- Sizes are those of the corpus that the model was trained on; null where no corpus was traced.
-- columns: model_id, language_code, language_name, language_family, script, fact_count,
--   full_match_count, full_match_rate, full_match_rate_low, full_match_rate_high, document_count,
--   text_bytes, absent_rate
-- rows: 1..*, one per model_id, language_code
-- variables: unit = chunk
select
    p_at_1.model_id,
    p_at_1.language_code,
    languages.language_name,
    languages.language_family,
    languages.script,
    p_at_1.fact_count,
    p_at_1.full_match_count,
    p_at_1.full_match_rate,
    p_at_1.full_match_rate_low,
    p_at_1.full_match_rate_high,
    sizes.document_count,
    sizes.text_bytes,
    absence.absent_rate,
from p_at_1_by_language as p_at_1
inner join dim_languages as languages using (language_code)
inner join dim_models as models using (model_id)
left join corpus_sizes as sizes
    on sizes.corpus_id = models.corpus_id and sizes.language_code = p_at_1.language_code
left join absence_by_language as absence
    on absence.model_id = p_at_1.model_id
    and absence.language_code = p_at_1.language_code
    and absence.text_unit = coalesce(getvariable('unit'), 'chunk')
    and absence.scope_code = 'all'
order by p_at_1.model_id, p_at_1.full_match_rate desc, p_at_1.language_code
