-- From which languages transferred facts could come, by the paper's rule
-- Of the facts that a language knows although its text does not state them: how many does the other language's text state, while both hold them in the same neurons? In Atlas these counts are unrelated to the sources that trained worlds show.
-- n: format('{:,} pairs of an answer and a possible source', sum(source_count)::bigint)
select
    model_id,
    source_language_code,
    target_language_code,
    source_count,
    present_count,
    root_count,
from root_matrix
where root_code = 'transferred' and source_count > 0
order by model_id, target_language_code, source_language_code
