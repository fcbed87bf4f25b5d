-- Where the right answers come from, by the paper's rule
with final as (
    select
        model_id,
        root_code,
        sum(root_count)::bigint as root_count,
        sum(twin_fact_count)::bigint as twin_fact_count,
        sum(guess_count)::bigint as guess_count,
    from roots_by_language
    where rule_code = 'paper'
    group by all
)

select
    model_id as model,
    root_code as root,
    root_count as "right",
    if(root_code = 'transferred', twin_fact_count, null) as asked_of_a_control,
    if(root_code = 'transferred', guess_count, null) as also_guessed_by_the_control,
from final
where model_id in (from final select model_id where root_code != 'undetermined' and root_count > 0)
order by
    model, list_position(['independent', 'shared', 'transferred', 'cue', 'undetermined'], root)
