with unit_kinds as (
    select distinct
        corpus_id,
        unit_kind,
    from {{ ref('stg_lake__occurrences') }}
),

-- What has to be traced comes from sizes and facts; a fact nobody looked for is null and fails a test.
final as (
    select
        sizes.corpus_id,
        unit_kinds.unit_kind,
        language_facts.language_code,
        language_facts.fact_id,
        language_facts.relation_id,
        occurrences.subject_count,
        occurrences.object_count,
        occurrences.shared_count,
        occurrences.shared_count >= {{ var('presence_min_count') }} as is_present,
        occurrences.evidence_document,
        occurrences.evidence_offset,
        occurrences.evidence_distance,
        occurrences.evidence_text,
    from {{ ref('corpus_sizes') }} as sizes
    inner join unit_kinds using (corpus_id)
    inner join {{ ref('int_language_facts') }} as language_facts using (language_code)
    left join {{ ref('stg_lake__occurrences') }} as occurrences
        on sizes.corpus_id = occurrences.corpus_id
        and unit_kinds.unit_kind = occurrences.unit_kind
        and language_facts.language_code = occurrences.language_code
        and language_facts.fact_id = occurrences.fact_id
    order by sizes.corpus_id, unit_kinds.unit_kind, language_facts.language_code, language_facts.fact_id
)

select * from final
