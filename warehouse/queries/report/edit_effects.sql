-- What changes when a fact's neurons are edited
-- Mean change of log P of the right answer when neurons are suppressed (× 0) or doubled (× 2), with bootstrap intervals. Neurons drive their fact if the fact itself changes more than an unrelated fact does, and more than with as many random neurons of the same layers.
-- n: format('{:,} to {:,} facts per mark', min(fact_count), max(fact_count))
with effects as (
    select
        *,
        edit_set_code || if(neuron_language_code = 'all', '', ': ' || neuron_language_code) as neurons,
    from edit_effects
    where edit_factor in (0, 2)
),

kinds as (
    select *, 'the fact itself' as asked, related_delta_score as delta_score, related_delta_score_low as delta_score_low, related_delta_score_high as delta_score_high from effects
    union all
    select *, 'an unrelated fact' as asked, unrelated_delta_score, unrelated_delta_score_low, unrelated_delta_score_high from effects
    union all
    select *, 'the fact, random neurons' as asked, random_delta_score, random_delta_score_low, random_delta_score_high from effects
)

select
    model_id,
    language_code,
    edit_set_code,
    neurons,
    if(edit_factor = 0, 'suppressed', 'doubled') as edit,
    asked,
    delta_score,
    delta_score_low,
    delta_score_high,
    mean_neuron_count,
    if(asked = 'an unrelated fact', unrelated_fact_count, fact_count) as fact_count,
    is_told_from_random,
from kinds
where delta_score is not null
order by language_code, model_id, neurons, edit desc, asked
