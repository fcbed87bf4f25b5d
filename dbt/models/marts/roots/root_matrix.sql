with
fct_fact_roots as (select * from {{ ref('fct_fact_roots') }}),
fct_fact_presence as (select * from {{ ref('fct_fact_presence') }}),
dim_languages as (select * from {{ ref('dim_languages') }}),

targets as (
    select
        model_id,
        corpus_id,
        text_unit,
        language_code,
        fact_id,
        root_code,
        source_language_codes,
    from fct_fact_roots
    where rule_code = 'paper' and root_code in ('shared', 'transferred')
),

totals as (
    select
        model_id,
        language_code,
        root_code,
        count(*) as root_count,
    from targets
    group by all
),

stated as (
    select
        targets.model_id,
        targets.language_code,
        targets.root_code,
        presence.language_code as source_language_code,
        count(*) as present_count,
        count(*) filter (
            where list_contains(targets.source_language_codes, presence.language_code)
        ) as source_count,
    from targets
    inner join fct_fact_presence as presence
        on targets.corpus_id = presence.corpus_id
        and targets.text_unit = presence.text_unit
        and targets.fact_id = presence.fact_id
        and targets.language_code != presence.language_code
    where presence.is_present
    group by all
),

counts as (
    select
        totals.model_id,
        languages.language_code as source_language_code,
        totals.language_code as target_language_code,
        totals.root_code,
        totals.root_count,
        coalesce(stated.present_count, 0) as present_count,
        coalesce(stated.source_count, 0) as source_count,
    from totals
    inner join dim_languages as languages on totals.language_code != languages.language_code
    left join stated
        on totals.model_id = stated.model_id
        and totals.language_code = stated.language_code
        and totals.root_code = stated.root_code
        and languages.language_code = stated.source_language_code
),

final as (
    select
        *,
        {{ wilson('source_count', 'root_count', 'source_rate') }},
    from counts
    order by model_id, root_code, source_language_code, target_language_code
)

select * from final
