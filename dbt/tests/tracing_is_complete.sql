-- Where a corpus was traced in a language, every fact of the language was looked for and no other,
-- and every fact of a model that was trained on it has a type.
with untraced as (
    select
        'a fact was not looked for' as problem,
        sizes.corpus_id as owner_id,
        language_facts.language_code,
        language_facts.fact_id,
    from {{ ref('corpus_sizes') }} as sizes
    inner join {{ ref('int_language_facts') }} as language_facts using (language_code)
    left join {{ ref('fct_fact_presence') }} as presence
        on sizes.corpus_id = presence.corpus_id
        and language_facts.language_code = presence.language_code
        and language_facts.fact_id = presence.fact_id
    where presence.is_present is null
),

strangers as (
    select
        'an occurrence has no fact' as problem,
        occurrences.corpus_id,
        occurrences.language_code,
        occurrences.fact_id,
    from {{ ref('stg_lake__occurrences') }} as occurrences
    semi join {{ ref('stg_lake__languages') }} as languages using (language_code)
    anti join {{ ref('int_language_facts') }} as language_facts using (language_code, fact_id)
    where {{ in_study_corpora('occurrences.corpus_id') }}
),

sizeless as (
    select distinct
        'occurrences come without the size of their text' as problem,
        occurrences.corpus_id,
        occurrences.language_code,
        null as fact_id,
    from {{ ref('stg_lake__occurrences') }} as occurrences
    semi join {{ ref('stg_lake__languages') }} as languages using (language_code)
    anti join {{ ref('corpus_sizes') }} as sizes using (corpus_id, language_code)
    where {{ in_study_corpora('occurrences.corpus_id') }}
),

untyped as (
    select
        'a fact has no type' as problem,
        model_id,
        language_code,
        fact_id,
    from {{ ref('int_traced_predictions') }}
    where fact_type_code is null
),

final as (
    select * from untraced
    union all
    select * from strangers
    union all
    select * from sizeless
    union all
    select * from untyped
)

select * from final
