-- Tracing compared with the planted truth: facts found in the text, and the lowest recall and precision of a language
select
    corpus_id as corpus,
    text_unit as unit,
    sum(planted_count)::bigint as planted,
    sum(planted_found_count)::bigint as found,
    sum(unplanted_found_count)::bigint as found_wrongly,
    min(recall) as lowest_recall,
    min(precision) as lowest_precision,
from tracing_accuracy
where distractor_kind = 'all'
group by all
order by all
