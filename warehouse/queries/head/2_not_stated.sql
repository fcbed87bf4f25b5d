-- How much it knows that it cannot have read in the language
with languages as (
    select
        model_id,
        language_name,
        count(*) as answer_count,
        count(*) filter (where not is_present) as absent_count,
        absent_count / answer_count as absent_rate,
    from answers
    where is_right and is_present is not null
    group by all
)

select
    model_id,
    format(
        '{:.0f} % of its {:,} right answers are stated nowhere in the training text of their language; '
        || 'by language, from {:.0f} % ({}) to {:.0f} % ({}).',
        100 * sum(absent_count) / sum(answer_count),
        sum(answer_count)::bigint,
        100 * min(absent_rate),
        min_by(language_name, (absent_rate, language_name)),
        100 * max(absent_rate),
        max_by(language_name, (absent_rate, language_name))
    ) as sentence,
from languages
group by model_id
order by model_id
