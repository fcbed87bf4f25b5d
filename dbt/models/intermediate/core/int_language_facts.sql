{{ config(materialized='table') }}

with
stg_lake__fact_labels as (select * from {{ ref('stg_lake__fact_labels') }}),
stg_lake__languages as (select * from {{ ref('stg_lake__languages') }}),
stg_lake__facts as (select * from {{ ref('stg_lake__facts') }}),

final as (
    select
        fact_labels.language_code,
        facts.fact_id,
        facts.relation_id,
        facts.subject_id,
        facts.object_id,
        fact_labels.subject_label,
        fact_labels.object_label,
    from stg_lake__fact_labels as fact_labels
    inner join stg_lake__languages using (language_code)
    inner join stg_lake__facts as facts using (fact_id)
)

select * from final
