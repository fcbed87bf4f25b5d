with
int_language_facts as (select * from {{ ref('int_language_facts') }}),

final as (
    select
        language_code,
        fact_id,
        subject_label,
        object_label,
    from int_language_facts
    order by language_code, fact_id
)

select * from final
