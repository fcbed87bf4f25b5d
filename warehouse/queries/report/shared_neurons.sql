-- How many languages hold a fact in the same neurons
-- Share of facts with at least one knowledge neuron that this many languages have in common, with Wilson 95 % intervals. The orange mark is the same when each language gets the neurons of a different fact.
-- n: format('{:,} to {:,} facts', min(attributed_fact_count), max(attributed_fact_count))
select
    model_id,
    method_code,
    shared_language_count,
    language_count,
    attributed_fact_count,
    shared_fact_count,
    shared_fact_rate,
    shared_fact_rate_low,
    shared_fact_rate_high,
    null_fact_score,
from language_independence
order by model_id, method_code, shared_language_count
