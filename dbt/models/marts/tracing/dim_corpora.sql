with
corpus_sizes as (select * from {{ ref('corpus_sizes') }}),
dim_models as (select * from {{ ref('dim_models') }}),
fct_fact_presence as (select * from {{ ref('fct_fact_presence') }}),

models as (
    select
        corpus_id,
        count(*) as model_count,
    from dim_models
    where corpus_id is not null
    group by all
),

text_units as (
    select
        corpus_id,
        {{ first_listed("text_unit", "root_text_units") }} as text_unit,
    from (select distinct corpus_id, text_unit from fct_fact_presence)
    group by all
),

sizes as (
    select
        corpus_id,
        count(*) as language_count,
        sum(document_count)::bigint as document_count,
        sum(character_count)::bigint as character_count,
        sum(token_count)::bigint as token_count,
        bool_or(is_truncated) as is_truncated,
    from corpus_sizes
    group by all
),

corpora as (
    select corpus_id from sizes
    union
    select corpus_id from models
    union
    select corpus_id from text_units
),

-- A corpus that a model names is one of the study, even if no text of it was read.
final as (
    select
        corpora.corpus_id,
        text_units.text_unit,
        coalesce(models.model_count, 0) as model_count,
        coalesce(sizes.language_count, 0) as language_count,
        sizes.document_count,
        sizes.character_count,
        sizes.token_count,
        sizes.is_truncated,
        text_units.corpus_id is not null and sizes.corpus_id is null as is_imported,
    from corpora
    left join sizes using (corpus_id)
    left join models using (corpus_id)
    left join text_units using (corpus_id)
    order by corpus_id
)

select * from final
