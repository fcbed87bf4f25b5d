-- P@1 and the amount of training text
-- Does more text mean more known facts? Each point is a language; its text is counted in characters. The correlations are given above, with a bootstrap interval over languages for Pearson's.
-- n: format('{:,} languages, {:,} questions', count(*), sum(fact_count)::bigint)
select
    model_id,
    language_code,
    language_name,
    character_count,
    full_match_rate,
    full_match_count,
    by_language.fact_count,
    pearson_score,
    pearson_bootstrap_score_low,
    pearson_bootstrap_score_high,
    spearman_score,
from p_at_1_by_language as by_language
join dim_models using (model_id)
join dim_languages using (language_code)
join corpus_sizes using (corpus_id, language_code)
join volume_correlations using (model_id, corpus_id)
where size_code = 'characters' and character_count > 0
order by model_id, language_code
