with final as (
    select
        language_code,
        fact_id,
        subject_label,
        object_label,
    from {{ ref('int_language_facts') }}
    order by language_code, fact_id
)

select * from final
