with
fact_jaccard_by_language_pair as (select * from {{ ref('fact_jaccard_by_language_pair') }}),
neuron_jaccard_by_language_pair as (select * from {{ ref('neuron_jaccard_by_language_pair') }}),
published_figures as (select * from {{ ref('published_figures') }}),

-- Only pairs of the languages in the published mean.
neuron_pairs as (
    select
        model_id,
        language_a,
        language_b,
        neuron_jaccard_score,
    from neuron_jaccard_by_language_pair as pairs
    where method_code = 'probeless'
        and exists (
            select 1
            from published_figures as published
            where published.metric_code = 'neuron_jaccard'
                and published.language_code = pairs.language_a
                and published.language_b = pairs.language_b
        )
),

neuron_languages as (
    select
        model_id,
        count(distinct language_code) as language_count,
    from (
        select model_id, unnest([language_a, language_b]) as language_code
        from neuron_pairs
        where neuron_jaccard_score is not null
    )
    group by all
),

neuron_means as (
    select
        model_id,
        language_count,
        avg(neuron_jaccard_score order by neuron_jaccard_score) as pair_mean,
    from neuron_pairs
    inner join neuron_languages using (model_id)
    group by all
),

final as (
    select
        model_id,
        'fact_jaccard' as metric_code,
        null as variant_code,
        null as aggregation_code,
        language_a as language_code,
        language_b,
        2 as language_count,
        jaccard_rate as measured_value,
    from fact_jaccard_by_language_pair
    union all
    select model_id, 'neuron_jaccard', null, null, language_a, language_b, 2, neuron_jaccard_score
    from neuron_pairs
    union all
    select model_id, 'neuron_jaccard', 'pairs', 'macro', null, null, language_count, pair_mean
    from neuron_means
    union all
    -- The published mean includes the diagonal of the matrix, which is 0.
    select
        model_id, 'neuron_jaccard', 'zero_diagonal', 'macro', null, null, language_count,
        pair_mean * (language_count - 1) / language_count,
    from neuron_means
)

select * from final
