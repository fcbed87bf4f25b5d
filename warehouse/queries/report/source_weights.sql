-- Who teaches whom: the effect of one language's text on another language's answers
-- Measured by training: models read the same facts in different languages, drawn by coins. A cell shows by how much the answers of the row's language improve if the column's text states the fact and the row's own text does not. Languages that know the same facts are next to each other; the strip shows their family. A ring marks an effect above zero after correction for all pairs.
-- n: format('{:,} pairs of languages, {:,} to {:,} answers each', count(*), min(answer_count), max(answer_count))
select
    weights.source_language_code,
    weights.target_language_code,
    weights.weight_score,
    weights.weight_score_low,
    weights.weight_score_high,
    weights.adjusted_p_value,
    weights.is_above_zero,
    weights.is_same_script,
    weights.answer_count,
from source_weights as weights
inner join dim_languages as target on weights.target_language_code = target.language_code
where weights.arm_code = 'named' and weights.half_code = 'all'
order by
    target.script,
    target.language_family,
    target.language_branch,
    weights.target_language_code,
    weights.source_language_code
