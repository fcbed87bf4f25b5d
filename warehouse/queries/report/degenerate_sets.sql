-- How many neurons can replace one another
-- Share of facts for which a greedy search finds a set of this size where any one neuron is enough and none is not, by the published thresholds. The same search among random neurons of the same layers finds some sets too.
-- n: format('{:,} to {:,} facts per language', min(fact_count), max(fact_count))
with kinds as (
    select model_id, language_code, set_size, 'knowledge neurons' as searched, published_fact_count, fact_count, published_fact_rate, published_fact_rate_low, published_fact_rate_high from degeneracy_by_set_size
    union all
    select model_id, language_code, set_size, 'random neurons' as searched, published_random_fact_count, random_fact_count, published_random_fact_rate, published_random_fact_rate_low, published_random_fact_rate_high from degeneracy_by_set_size
)

from kinds
where published_fact_rate is not null
order by model_id, language_code, searched, set_size
