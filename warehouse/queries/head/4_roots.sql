-- Where its right answers most probably come from
with roots as (
    select
        model_id,
        sum(root_count) as answer_count,
        sum(root_count) filter (where root_code = 'own_text_needed') / answer_count as own_rate,
        sum(root_count) filter (where root_code = 'either_suffices') / answer_count as either_rate,
        sum(root_count) filter (where root_code = 'transferred') / answer_count as transferred_rate,
        sum(root_count) filter (where root_code = 'guess') / answer_count as guess_rate,
    from roots_by_language
    where rule_code = 'calibrated'
    group by all
    having answer_count > 0 and own_rate + either_rate + transferred_rate + guess_rate > 0
)

select
    model_id,
    format(
        'Most probable roots of the {:,} right answers: {:.0f} % need this language''s text, for {:.0f} % other languages'' '
        || 'text is enough as well, {:.0f} % are transferred from other languages, {:.0f} % are guesses.',
        answer_count::bigint,
        100 * own_rate,
        100 * either_rate,
        100 * transferred_rate,
        100 * guess_rate
    ) as sentence,
from roots
order by model_id
