-- Generated from the lake contract (ingestion/contract) by `make generate`; do not edit.
with source as (
    select * from {{ source('lake', 'languages') }}
),

final as (
    select
        language_code::varchar as language_code,
        language_name::varchar as language_name,
        language_family::varchar as language_family,
        language_branch::varchar as language_branch,
        script::varchar as script,
        latitude::double as latitude,
        longitude::double as longitude,
    from source
)

select * from final
