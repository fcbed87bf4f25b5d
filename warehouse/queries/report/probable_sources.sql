-- From which languages transferred facts probably come
-- Of the answers whose most probable root is transferred, by the calibrated rule: how many are expected to come from each language whose text states them? Every possible source counts as much as a statement in its script was worth in trained worlds.
-- n: format('{:,.0f} transferred answers with a possible source', sum(expected_sum))
select
    model_id,
    source_language_code,
    target_language_code,
    expected_sum,
    expected_rate,
    expected_rate_low,
    expected_rate_high,
    present_count,
    root_count,
from probable_sources
where root_code = 'transferred'
order by model_id, target_language_code, source_language_code
