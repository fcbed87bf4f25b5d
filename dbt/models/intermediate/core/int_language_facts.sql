{{ config(materialized='table') }}

with final as (
    select
        fact_labels.language_code,
        facts.fact_id,
        facts.relation_id,
        facts.subject_id,
        facts.object_id,
        fact_labels.subject_label,
        fact_labels.object_label,
    from {{ ref('stg_lake__fact_labels') }} as fact_labels
    inner join {{ ref('stg_lake__languages') }} as languages using (language_code)
    inner join {{ ref('stg_lake__facts') }} as facts using (fact_id)
)

select * from final
