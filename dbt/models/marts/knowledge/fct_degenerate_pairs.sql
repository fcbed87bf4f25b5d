with
stg_lake__degenerate_pairs as (select * from {{ ref('stg_lake__degenerate_pairs') }}),
dim_models as (select * from {{ ref('dim_models') }}),
dim_languages as (select * from {{ ref('dim_languages') }}),

pairs as (
    select
        pairs.*,
        log_prob_without_a + log_prob_without_b - log_prob - log_prob_without_both as interaction_score,
        log_prob_without_a - log_prob >= ln({{ var("degenerate_single_share") }})
            and log_prob_without_b - log_prob >= ln({{ var("degenerate_single_share") }})
            and log_prob_without_both - log_prob < ln({{ var("degenerate_pair_share") }}) as is_published_degenerate,
    from stg_lake__degenerate_pairs as pairs
    semi join dim_models using (model_id)
    semi join dim_languages using (language_code)
),

nulls as (
    select
        model_id,
        language_code,
        case
            when count(*) >= {{ var("smallest_null") }}
            then quantile_cont(interaction_score, {{ var("degenerate_null_quantile") }})
        end as null_score,
    from pairs
    where is_random
    group by all
),

final as (
    select
        model_id,
        language_code,
        fact_id,
        is_random,
        neuron_rank_a,
        neuron_rank_b,
        layer_index_a,
        neuron_index_a,
        layer_index_b,
        neuron_index_b,
        log_prob,
        log_prob_without_a,
        log_prob_without_b,
        log_prob_without_both,
        interaction_score,
        nulls.null_score,
        is_published_degenerate,
        is_published_degenerate and interaction_score > nulls.null_score as is_degenerate,
    from pairs
    left join nulls using (model_id, language_code)
    order by model_id, language_code, fact_id, is_random, neuron_rank_a, neuron_rank_b
)

select * from final
