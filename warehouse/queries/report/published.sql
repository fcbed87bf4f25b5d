-- Published and measured figures
-- Every rate that the papers print and that this study measures on the same model: P@1 of a language, of its one-token objects, facts without a source, similarities of two languages, types of facts. Points on the line agree. Hover over a point to see where the figure was printed.
-- n: format('{:,} published figures', count(*))
select
    model_id,
    metric_code,
    variant_code,
    language_code,
    language_b,
    published_value,
    measured_value,
    difference,
    published_source,
    note,
from paper_comparison
where is_measured and scale_code = 'rate'
order by metric_code, model_id, variant_code, language_code, language_b
