-- How edits change log P of the right answer (neurons suppressed; mean over languages)
select
    model_id as model,
    edit_set_code as neurons_of,
    max(fact_count) as facts,
    avg(mean_neuron_count) as neurons,
    avg(related_delta_score) as related,
    avg(unrelated_delta_score) as unrelated,
    avg(random_delta_score) as random_neurons,
from edit_effects
where edit_factor = 0
    and (edit_set_code != 'probeless' or neuron_language_code = language_code)
group by all
order by all
