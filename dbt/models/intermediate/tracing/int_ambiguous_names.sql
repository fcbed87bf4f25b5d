-- Facts whose names can be found where they are not meant (docs/method.md#tracing).
with
int_language_facts as not materialized (select * from {{ ref('int_language_facts') }}),

names as (
    select distinct
        language_code,
        unnest([subject_label, object_label]) as name,
    from int_language_facts
),

-- The beginnings of longer names that end in a Hangul syllable and are followed by one.
beginnings as (
    select distinct
        language_code,
        name[:place] as beginning,
    from (
        select
            language_code,
            name,
            unnest(range(1, len(name))) as place,
        from names
        where regexp_matches(name, '[가-힣]{2}')
    ) as places
    where regexp_matches(name[place:place + 1], '^[가-힣]{2}$')
),

final as (
    select
        facts.language_code,
        facts.fact_id,
        case
            when contains(facts.subject_label, facts.object_label)
                or contains(facts.object_label, facts.subject_label)
                then 'nested'
            else 'prefix'
        end as ambiguity_code,
    from int_language_facts as facts
    left join beginnings as subjects
        on facts.language_code = subjects.language_code
        and facts.subject_label = subjects.beginning
    left join beginnings as objects
        on facts.language_code = objects.language_code
        and facts.object_label = objects.beginning
    where subjects.beginning is not null
        or objects.beginning is not null
        or contains(facts.subject_label, facts.object_label)
        or contains(facts.object_label, facts.subject_label)
)

select * from final
