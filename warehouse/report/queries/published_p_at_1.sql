-- Published beside measured
-- P@1 of the paper's models in each language against this study's; points on the line agree.
select
    model_code,
    language_code,
    published_value,
    measured_value,
    difference,
    note,
from paper_comparison
where is_measured and metric_code = 'p_at_1' and language_code is not null
order by model_code, language_code
