-- How much the model knows
with
overview as (from p_at_1_overview where match_code = 'full' and aggregation_code = 'micro'),

ranked as (
    select
        model_id,
        language_name,
        full_match_rate,
        row_number() over (partition by model_id order by full_match_rate desc, language_code) as best,
        row_number() over (partition by model_id order by full_match_rate, language_code) as worst,
    from p_at_1_by_language
    inner join dim_languages using (language_code)
)

select
    overview.model_id,
    format(
        'It answers {:.0f} %{} of {:,} questions correctly (P@1), in {} language{}: from {:.0f} % in {} to {:.0f} % in {}.',
        100 * overview.match_rate,
        coalesce(format(' [{:.0f}, {:.0f}]', 100 * overview.match_rate_low, 100 * overview.match_rate_high), ''),
        overview.fact_count,
        overview.language_count,
        if(overview.language_count = 1, '', 's'),
        100 * worst.full_match_rate,
        worst.language_name,
        100 * best.full_match_rate,
        best.language_name
    ) as sentence,
from overview
inner join ranked as best on overview.model_id = best.model_id and best.best = 1
inner join ranked as worst on overview.model_id = worst.model_id and worst.worst = 1
where overview.match_rate is not null
order by overview.model_id
