-- Which published figures differ most from ours, and is the published one known to be mislabelled?
-- columns: comparison_id, metric_code, model_id, language_code, language_b, published_value,
--   measured_value, difference, published_tolerance, exactness_code, note
-- rows: 0..*, one per comparison_id
select
    comparison_id,
    metric_code,
    model_id,
    language_code,
    language_b,
    published_value,
    measured_value,
    difference,
    published_tolerance,
    exactness_code,
    note,
from paper_comparison
where is_measured
order by abs(difference) / nullif(abs(published_value), 0) desc nulls last, comparison_id
