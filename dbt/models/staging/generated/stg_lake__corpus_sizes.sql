-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'corpus_sizes') }}
),

final as (
    select
        corpus_id::varchar as corpus_id,
        language_code::varchar as language_code,
        file_count::integer as file_count,
        source_bytes::bigint as source_bytes,
        page_count::bigint as page_count,
        document_count::bigint as document_count,
        redirect_count::bigint as redirect_count,
        other_namespace_count::bigint as other_namespace_count,
        empty_count::bigint as empty_count,
        broken_count::bigint as broken_count,
        is_truncated::boolean as is_truncated,
        problem_note::varchar as problem_note,
        character_count::bigint as character_count,
        text_bytes::bigint as text_bytes,
        sentence_count::bigint as sentence_count,
        chunk_count::bigint as chunk_count,
        token_count::bigint as token_count,
        tokenizer_hash::varchar as tokenizer_hash,
    from source
)

select * from final
