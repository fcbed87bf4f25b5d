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
),

-- A study may count other answers as right than exact ones, as for decoders; roots follow these.
verdicts as (
    select
        model_id,
        count(*) filter (is_right) as right_count,
        count(*) filter (is_right is distinct from is_full_match) as other_count,
    from answers
    group by model_id
),

texts as (
    select model_id, pearson_score, pearson_bootstrap_score_low, pearson_bootstrap_score_high
    from volume_correlations
    inner join dim_models using (model_id, corpus_id)
    where size_code = 'characters' and pearson_score is not null
)

select
    overview.model_id,
    format(
        'It answers {:.0f} %{} of {:,} questions correctly (P@1; a question is a fact in one of {} language{}): from {:.0f} % in {} '
        || 'to {:.0f} % in {}.',
        100 * overview.match_rate,
        coalesce(format(' [{:.0f}, {:.0f}]', 100 * overview.match_rate_low, 100 * overview.match_rate_high), ''),
        overview.fact_count,
        overview.language_count,
        if(overview.language_count = 1, '', 's'),
        100 * worst.full_match_rate,
        worst.language_name,
        100 * best.full_match_rate,
        best.language_name
    ) || coalesce(
        format(
            ' P@1 of a language and the number of characters of its training text correlate with {:.2f}{} (Pearson).',
            texts.pearson_score,
            coalesce(
                format(' [{:.2f}, {:.2f}]', texts.pearson_bootstrap_score_low, texts.pearson_bootstrap_score_high), ''
            )
        ),
        ''
    ) || if(
        verdicts.other_count = 0,
        '',
        format(' By the study''s verdict {:,} answers are right; the next sentences are about these.', verdicts.right_count)
    ) as sentence,
from overview
inner join ranked as best on overview.model_id = best.model_id and best.best = 1
inner join ranked as worst on overview.model_id = worst.model_id and worst.worst = 1
inner join verdicts on overview.model_id = verdicts.model_id
left join texts on overview.model_id = texts.model_id
where overview.match_rate is not null
order by overview.model_id
