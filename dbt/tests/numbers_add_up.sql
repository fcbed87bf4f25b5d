-- The same counts, computed in two ways, agree: relations add up to languages, languages to the
-- overview, and the fact table to every denominator.
{%- set measures = ["fact_count", "full_match_count", "partial_match_count", "any_object_match_count"] %}

with
p_at_1_by_relation as (select * from {{ ref('p_at_1_by_relation') }}),
p_at_1_by_language as not materialized (select * from {{ ref('p_at_1_by_language') }}),
dim_models as (select * from {{ ref('dim_models') }}),
dim_languages as (select * from {{ ref('dim_languages') }}),
p_at_1_overview as (select * from {{ ref('p_at_1_overview') }}),
p_at_1_by_presence as (select * from {{ ref('p_at_1_by_presence') }}),

relations as (
    select
        model_id,
        language_code,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }},
        {%- endfor %}
    from p_at_1_by_relation
    group by all
),

relations_against_languages as (
    select
        'p_at_1_by_relation does not add up to p_at_1_by_language' as problem,
        coalesce(relations.model_id, languages.model_id) as model_id,
        coalesce(relations.language_code, languages.language_code) as place,
    from relations
    full join p_at_1_by_language as languages using (model_id, language_code)
    where false
        {%- for measure in measures %}
        or relations.{{ measure }} is distinct from languages.{{ measure }}
        {%- endfor %}
),

languages_against_facts as (
    select
        'p_at_1_by_language has another denominator than dim_languages' as problem,
        models.model_id,
        languages.language_code as place,
    from dim_models as models
    cross join dim_languages as languages
    left join p_at_1_by_language as p_at_1 using (model_id, language_code)
    where (models.language_codes is null or list_contains(models.language_codes, languages.language_code))
        and coalesce(p_at_1.fact_count, 0) != languages.fact_count
),

totals as (
    select
        model_id,
        sum(fact_count) as fact_count,
        sum(full_match_count) as match_count,
    from p_at_1_by_language
    group by all
),

overview_against_languages as (
    select
        'p_at_1_overview does not hold the sum over p_at_1_by_language' as problem,
        totals.model_id,
        overview.aggregation_code as place,
    from totals
    inner join p_at_1_overview as overview using (model_id)
    where overview.match_code = 'full'
        and (overview.fact_count != totals.fact_count or overview.match_count != totals.match_count)
),

presence as (
    select
        model_id,
        language_code,
        sum(fact_count) as fact_count,
        sum(full_match_count) as full_match_count,
    from p_at_1_by_presence
    group by all
),

presence_against_languages as (
    select
        'p_at_1_by_presence does not add up to p_at_1_by_language' as problem,
        presence.model_id,
        presence.language_code as place,
    from presence
    inner join p_at_1_by_language as languages using (model_id, language_code)
    where presence.fact_count != languages.fact_count
        or presence.full_match_count != languages.full_match_count
),

final as (
    select * from relations_against_languages
    union all
    select * from languages_against_facts
    union all
    select * from overview_against_languages
    union all
    select * from presence_against_languages
)

select * from final
