with
int_language_facts as (select * from {{ ref('int_language_facts') }}),
stg_lake__facts as (select * from {{ ref('stg_lake__facts') }}),

-- English if the fact has an English label, otherwise the first language by code.
labels as (
    select
        fact_id,
        count(*) as language_count,
        min_by(language_code, (language_code != 'en', language_code)) as label_language_code,
        min_by(subject_label, (language_code != 'en', language_code)) as subject_label,
        min_by(object_label, (language_code != 'en', language_code)) as object_label,
    from int_language_facts
    group by all
),

final as (
    select
        facts.fact_id,
        facts.relation_id,
        facts.subject_id,
        facts.object_id,
        labels.label_language_code,
        labels.subject_label,
        labels.object_label,
        count(*) over (partition by facts.relation_id, facts.subject_id) as true_object_count,
        coalesce(labels.language_count, 0) as language_count,
    from stg_lake__facts as facts
    left join labels using (fact_id)
    order by fact_id
)

select * from final
