-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'name_cues') }}
),

final as (
    select
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        subject_transliterated::varchar as subject_transliterated,
        object_transliterated::varchar as object_transliterated,
        object_letter_count::integer as object_letter_count,
        common_letter_count::integer as common_letter_count,
        other_fact_id::varchar as other_fact_id,
        other_object_letter_count::integer as other_object_letter_count,
        other_common_letter_count::integer as other_common_letter_count,
    from source
)

select * from final
