with
stg_lake__occurrences as not materialized (select * from {{ ref('stg_lake__occurrences') }}),
corpus_sizes as (select * from {{ ref('corpus_sizes') }}),
int_language_facts as not materialized (select * from {{ ref('int_language_facts') }}),

text_units as (
    select distinct
        corpus_id,
        text_unit,
    from stg_lake__occurrences
),

-- All facts of a traced language have a row. A fact that was not searched for is null and fails a test.
final as (
    select
        sizes.corpus_id,
        text_units.text_unit,
        language_facts.language_code,
        language_facts.fact_id,
        language_facts.relation_id,
        occurrences.subject_count,
        occurrences.object_count,
        occurrences.shared_count,
        occurrences.separate_count,
        occurrences.shared_count >= {{ var('presence_min_count') }} as is_present,
        occurrences.separate_count >= {{ var('presence_min_count') }} as is_present_apart,
        occurrences.evidence_document,
        occurrences.evidence_offset,
        occurrences.evidence_distance,
        occurrences.evidence_text,
    from corpus_sizes as sizes
    inner join text_units using (corpus_id)
    inner join int_language_facts as language_facts using (language_code)
    left join stg_lake__occurrences as occurrences
        on sizes.corpus_id = occurrences.corpus_id
        and text_units.text_unit = occurrences.text_unit
        and language_facts.language_code = occurrences.language_code
        and language_facts.fact_id = occurrences.fact_id
    order by sizes.corpus_id, text_units.text_unit, language_facts.language_code, language_facts.fact_id
)

select * from final
