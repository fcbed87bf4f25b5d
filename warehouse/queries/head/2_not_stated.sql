-- How much it knows that it cannot have read in the language
with
overview as (
    select absence_overview.*
    from absence_overview
    inner join dim_corpora using (corpus_id, text_unit)
    where scope_code = 'full_match' and aggregation_code = 'micro'
),

ranked as (
    select
        model_id,
        language_name,
        absent_rate,
        row_number() over (partition by model_id order by absent_rate, language_code) as least,
        row_number() over (partition by model_id order by absent_rate desc, language_code) as most,
    from absence_by_language
    inner join dim_corpora using (corpus_id, text_unit)
    inner join dim_languages using (language_code)
    where scope_code = 'full_match' and absent_rate is not null
)

select
    overview.model_id,
    format(
        '{:.0f} %{} of its {:,} right answers are stated nowhere in the training text of their language; '
        || 'by language, from {:.0f} % ({}) to {:.0f} % ({}).',
        100 * overview.absent_rate,
        coalesce(format(' [{:.0f}, {:.0f}]', 100 * overview.absent_rate_low, 100 * overview.absent_rate_high), ''),
        overview.fact_count,
        100 * least.absent_rate,
        least.language_name,
        100 * most.absent_rate,
        most.language_name
    ) as sentence,
from overview
inner join ranked as least on overview.model_id = least.model_id and least.least = 1
inner join ranked as most on overview.model_id = most.model_id and most.most = 1
order by overview.model_id
