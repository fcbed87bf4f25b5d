-- A model whose tables are not all computed is left out here, so that no mart counts half of it.
with source as (
    select models.*
    from {{ source('lake', 'models') }} as models
    anti join {{ source('lake', 'missing_models') }} using (model_id)
),

final as (
    select
        model_id::varchar as model_id,
        source::varchar as source,
        revision::varchar as revision,
        corpus_id::varchar as corpus_id,
        architecture::varchar as architecture,
        objective::varchar as objective,
        layer_count::integer as layer_count,
        neuron_count::integer as neuron_count,
        hidden_size::integer as hidden_size,
        vocabulary_size::integer as vocabulary_size,
        parameter_count::bigint as parameter_count,
        tokenizer_hash::varchar as tokenizer_hash,
        ignored_token_id::integer as ignored_token_id,
        dtype::varchar as dtype,
        mask_counts::varchar as mask_counts,
        example_count::integer as example_count,
        chat_message::varchar as chat_message,
        language_codes::varchar[] as language_codes,
        is_imported::boolean as is_imported,
    from source
)

select * from final
