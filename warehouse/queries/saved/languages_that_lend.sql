-- From which languages could a language have got the facts that its own text never states?
-- The answers whose most probable root is transferred, by the calibrated rule: how many of them are expected
-- to come from each language (expected_sum)? Next to it, the possible sources by the paper's rule
-- (paper_source_count: the language states the fact and holds it in overlapping neurons), which in Atlas
-- are unrelated to the true ones.
-- columns: model_id, target_language_code, source_language_code, source_place, root_count, expected_sum,
--   expected_rate, expected_rate_low, expected_rate_high, paper_root_count, paper_source_count
-- rows: 0..*, one per model_id, target_language_code, source_language_code
select
    probable.model_id,
    probable.target_language_code,
    probable.source_language_code,
    row_number() over (
        partition by probable.model_id, probable.target_language_code
        order by probable.expected_sum desc, probable.source_language_code
    ) as source_place,
    probable.root_count,
    probable.expected_sum,
    probable.expected_rate,
    probable.expected_rate_low,
    probable.expected_rate_high,
    paper.root_count as paper_root_count,
    paper.source_count as paper_source_count,
from probable_sources as probable
left join root_matrix as paper using (model_id, target_language_code, source_language_code, root_code)
where probable.root_code = 'transferred'
qualify source_place <= 5
order by probable.model_id, probable.target_language_code, source_place
