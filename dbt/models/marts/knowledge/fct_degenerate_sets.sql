with
stg_lake__degenerate_sets as (select * from {{ ref('stg_lake__degenerate_sets') }}),
dim_models as (select * from {{ ref('dim_models') }}),
dim_languages as (select * from {{ ref('dim_languages') }}),

final as (
    select
        model_id,
        language_code,
        fact_id,
        is_random,
        set_size,
        neuron_ranks,
        layer_indexes,
        neuron_indexes,
        log_prob,
        one_left_log_prob,
        none_left_log_prob,
        one_left_log_prob - none_left_log_prob as gap_score,
        one_left_log_prob - log_prob >= ln({{ var("degenerate_single_share") }})
            and none_left_log_prob - log_prob < ln({{ var("degenerate_pair_share") }}) as is_published_degenerate,
    from stg_lake__degenerate_sets
    semi join dim_models using (model_id)
    semi join dim_languages using (language_code)
    order by model_id, language_code, fact_id, is_random, set_size
)

select * from final
