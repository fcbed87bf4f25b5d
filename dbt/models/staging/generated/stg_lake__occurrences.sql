-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'occurrences') }}
),

final as (
    select
        corpus_id::varchar as corpus_id,
        language_code::varchar as language_code,
        text_unit::varchar as text_unit,
        fact_id::varchar as fact_id,
        subject_count::bigint as subject_count,
        object_count::bigint as object_count,
        shared_count::bigint as shared_count,
        separate_count::bigint as separate_count,
        evidence_document::varchar as evidence_document,
        evidence_offset::bigint as evidence_offset,
        evidence_distance::bigint as evidence_distance,
        evidence_text::varchar as evidence_text,
    from source
)

select * from final
