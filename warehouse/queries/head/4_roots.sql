-- Where its right answers most probably come from
with roots as (
    select
        model_id,
        root_code,
        root_count,
        full_match_count,
        format('{:.0f} %', 100 * root_rate)
        || coalesce(format(' [{:.0f}, {:.0f}]', 100 * root_rate_low, 100 * root_rate_high), '') as share,
    from roots_overview
    where rule_code = 'calibrated' and aggregation_code = 'micro' and root_rate is not null
)

select
    model_id,
    format(
        'Most probable roots of the {:,} right answers, stated or not, by the calibrated rule: {} need this language''s text, '
        || 'for {} other languages'' text is enough as well, {} are transferred from other languages, {} are guesses.',
        any_value(full_match_count),
        any_value(share) filter (root_code = 'own_text_needed'),
        any_value(share) filter (root_code = 'either_suffices'),
        any_value(share) filter (root_code = 'transferred'),
        any_value(share) filter (root_code = 'guess')
    ) as sentence,
from roots
group by model_id
-- Without signals every root is undetermined.
having sum(root_count) filter (root_code != 'undetermined') > 0
order by model_id
