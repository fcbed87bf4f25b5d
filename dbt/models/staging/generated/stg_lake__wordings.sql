-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'wordings') }}
),

final as (
    select
        language_code::varchar as language_code,
        relation_id::varchar as relation_id,
        template_id::varchar as template_id,
        template::varchar as template,
        is_template_changed::boolean as is_template_changed,
    from source
)

select * from final
