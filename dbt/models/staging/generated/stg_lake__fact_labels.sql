-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'fact_labels') }}
),

final as (
    select
        language_code::varchar as language_code,
        fact_id::varchar as fact_id,
        subject_label::varchar as subject_label,
        object_label::varchar as object_label,
        is_label_changed::boolean as is_label_changed,
    from source
)

select * from final
