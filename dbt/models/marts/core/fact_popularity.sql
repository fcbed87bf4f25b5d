with
stg_lake__fact_popularity as (select * from {{ ref('stg_lake__fact_popularity') }}),

final as (
    select
        fact_id,
        subject_view_count,
        object_view_count,
    from stg_lake__fact_popularity
    order by fact_id
)

select * from final
