-- Where the right answers come from, and which transferred ones a control model also guesses
select
    model_id as model,
    sum(root_count)::bigint as "right",
    sum(root_count) filter (root_code = 'independent')::bigint as independent,
    sum(root_count) filter (root_code = 'shared')::bigint as shared,
    sum(root_count) filter (root_code = 'transferred')::bigint as transferred,
    sum(root_count) filter (root_code = 'cue')::bigint as cue,
    sum(root_count) filter (root_code = 'undetermined')::bigint as undetermined,
    sum(guess_count) filter (root_code = 'transferred')::bigint as guesses,
    sum(twin_fact_count) filter (root_code = 'transferred')::bigint as of_with_twin,
from roots_by_language
where rule_code = 'paper'
group by model_id
having sum(root_count) filter (root_code != 'undetermined') > 0
order by model_id
