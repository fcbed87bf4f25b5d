with
stg_lake__rejected_rows as (select * from {{ ref('stg_lake__rejected_rows') }}),
stg_lake__rejected_wordings as (select * from {{ ref('stg_lake__rejected_wordings') }}),

final as (
    select
        language_code,
        source_file,
        line_number,
        reason,
        line_text,
    from stg_lake__rejected_rows
    union all
    select
        language_code,
        source_file,
        line_number,
        reason,
        line_text,
    from stg_lake__rejected_wordings
    order by language_code, source_file, line_number
)

select * from final
