with
stg_lake__models as (select * from {{ ref('stg_lake__models') }}),

final as (
    select
        model_id,
        source,
        revision,
        corpus_id,
        regexp_replace(model_id, '-step[0-9]+$', '') as training_run_id,
        nullif(regexp_extract(model_id, '-step([0-9]+)$', 1), '')::bigint as step_index,
        architecture,
        objective,
        layer_count,
        neuron_count,
        hidden_size,
        vocabulary_size,
        parameter_count,
        tokenizer_hash,
        ignored_token_id,
        dtype,
        mask_counts,
        example_count,
        chat_message,
        language_codes,
        is_imported,
    from stg_lake__models
    order by model_id
)

select * from final
