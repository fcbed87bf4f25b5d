-- Whether other languages' text helps
with
absent as (from p_at_1_by_stating_languages where not is_present),

nowhere as (from absent where present_language_count = 0),

-- The number of languages with the most facts.
elsewhere as (
    from absent
    where present_language_count > 0
    qualify row_number() over (partition by model_id order by fact_count desc, present_language_count) = 1
)

select
    nowhere.model_id,
    format(
        'If no language''s text states the fact, {:.0f} %{} of the answers are right ({:,} questions). If its own language''s '
        || 'text does not state it but that of {} other{} does (the commonest number), {:.0f} %{} are ({:,} questions).',
        100 * nowhere.full_match_rate,
        coalesce(
            format(' [{:.0f}, {:.0f}]', 100 * nowhere.full_match_rate_low, 100 * nowhere.full_match_rate_high), ''
        ),
        nowhere.fact_count,
        elsewhere.present_language_count,
        if(elsewhere.present_language_count = 1, '', 's'),
        100 * elsewhere.full_match_rate,
        coalesce(
            format(' [{:.0f}, {:.0f}]', 100 * elsewhere.full_match_rate_low, 100 * elsewhere.full_match_rate_high), ''
        ),
        elsewhere.fact_count
    ) as sentence,
from nowhere
inner join elsewhere on nowhere.model_id = elsewhere.model_id
order by nowhere.model_id
