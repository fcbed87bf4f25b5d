-- Facts that have no knowledge neurons because their attributions do not add up
select
    printf(
        '%s, %s: the attributions of %d of %d facts in %s miss up to %.2f of probability in a layer, so these facts '
        || 'have no knowledge neurons. Set tolerance in attribution.integrated_gradients, or more steps.',
        model_id,
        method_code,
        count(*) filter (where not is_complete),
        count(*),
        if(
            count(distinct language_code) > 1,
            count(distinct language_code) || ' languages',
            any_value(language_code)
        ),
        max(largest_residual)
    ) as note,
from knowledge_facts
group by model_id, method_code
having not bool_and(is_complete)
order by model_id, method_code
