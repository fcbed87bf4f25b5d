-- From which languages could a language have got the facts that its own text never states?
-- A possible source states the fact and holds it in overlapping neurons. A fact may have several
-- sources, so the rates of a target's sources do not add up to one.
-- columns: model_id, target_language_code, source_language_code, root_count, present_count,
--   source_count, source_rate, source_rate_low, source_rate_high, source_place
-- rows: 0..*, one per model_id, target_language_code, source_language_code
select
    model_id,
    target_language_code,
    source_language_code,
    root_count,
    present_count,
    source_count,
    source_rate,
    source_rate_low,
    source_rate_high,
    row_number() over (
        partition by model_id, target_language_code
        order by source_count desc, present_count desc, source_language_code
    ) as source_place,
from root_matrix
where root_code = 'transferred'
qualify source_place <= 5
order by model_id, target_language_code, source_place
