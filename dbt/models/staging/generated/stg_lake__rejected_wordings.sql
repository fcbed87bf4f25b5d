-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'rejected_wordings') }}
),

final as (
    select
        language_code::varchar as language_code,
        source_file::varchar as source_file,
        line_number::integer as line_number,
        reason::varchar as reason,
        line_text::varchar as line_text,
    from source
)

select * from final
