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

cells as (
    -- All facts of a traced language have a row. A fact that was not searched for is null and fails a test.
    select
        sizes.corpus_id,
        text_units.text_unit,
        language_facts.language_code,
        language_facts.fact_id,
        language_facts.relation_id,
    from corpus_sizes as sizes
    inner join text_units using (corpus_id)
    inner join int_language_facts as language_facts using (language_code)
    union all
    -- Counts that others made come without the size of their text: nothing is said of facts that they lack.
    select
        occurrences.corpus_id,
        occurrences.text_unit,
        language_facts.language_code,
        language_facts.fact_id,
        language_facts.relation_id,
    from stg_lake__occurrences as occurrences
    inner join int_language_facts as language_facts using (language_code, fact_id)
    anti join corpus_sizes using (corpus_id, language_code)
),

final as (
    select
        cells.corpus_id,
        cells.text_unit,
        cells.language_code,
        cells.fact_id,
        cells.relation_id,
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
    from cells
    left join stg_lake__occurrences as occurrences
        on cells.corpus_id = occurrences.corpus_id
        and cells.text_unit = occurrences.text_unit
        and cells.language_code = occurrences.language_code
        and cells.fact_id = occurrences.fact_id
    order by cells.corpus_id, cells.text_unit, cells.language_code, cells.fact_id
)

select * from final
