with
stg_lake__rejected_rows as (select * from {{ ref('stg_lake__rejected_rows') }}),

final as (
    select
        language_code,
        source_file,
        line_number,
        reason,
        line_text,
    from stg_lake__rejected_rows
    order by language_code, source_file, line_number
)

select * from final
