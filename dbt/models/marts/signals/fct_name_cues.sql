with
stg_lake__name_cues as (select * from {{ ref('stg_lake__name_cues') }}),
int_language_facts as (select * from {{ ref('int_language_facts') }}),

scored as (
    select
        *,
        common_letter_count / nullif(object_letter_count, 0)::double as name_overlap_score,
        other_common_letter_count / nullif(other_object_letter_count, 0)::double as other_name_overlap_score,
    from stg_lake__name_cues
),

final as (
    select
        scored.language_code,
        scored.fact_id,
        facts.relation_id,
        scored.subject_transliterated,
        scored.object_transliterated,
        scored.object_letter_count,
        scored.common_letter_count,
        scored.name_overlap_score,
        coalesce(
            scored.common_letter_count >= {{ var("name_cue_letter_count") }}
            and scored.name_overlap_score >= {{ var("name_cue_share") }},
            false
        ) as is_name_cue,
        scored.other_fact_id,
        scored.other_name_overlap_score,
        case
            when scored.other_fact_id is not null
            then coalesce(
                scored.other_common_letter_count >= {{ var("name_cue_letter_count") }}
                and scored.other_name_overlap_score >= {{ var("name_cue_share") }},
                false
            )
        end as is_other_name_cue,
    from scored
    inner join int_language_facts as facts using (language_code, fact_id)
    order by scored.language_code, scored.fact_id
)

select * from final
