-- What goes with more known facts
-- Correlations with P@1, with 95 % intervals: over languages with the amount of training text (Figure 2 of the paper), counted in five ways, and with the number of tokens of the object, one point per object, language or number of tokens (the paper's −0.81 is of the last kind).
-- n: format('{:,} to {:,} points', min(point_count), max(point_count))
select
    model_id,
    'text: ' || replace(size_code, '_', ' ') as factor,
    unnest(['Pearson', 'Spearman']) as kind,
    unnest([pearson_score, spearman_score]) as score,
    unnest([pearson_score_low, spearman_score_low]) as score_low,
    unnest([pearson_score_high, spearman_score_high]) as score_high,
    language_count as point_count,
from volume_correlations
where (model_id, corpus_id) in (select (model_id, corpus_id) from dim_models)
union all
select
    model_id,
    'tokens of the object: one point per ' || replace(unit_code, '_', ' '),
    unnest(['Pearson', 'Spearman']),
    unnest([pearson_score, spearman_score]),
    unnest([pearson_score_low, spearman_score_low]),
    unnest([pearson_score_high, spearman_score_high]),
    point_count,
from token_count_correlations
where scope_code = 'all'
order by model_id, factor, kind
