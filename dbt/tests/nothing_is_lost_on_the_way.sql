-- All facts of the lake arrive in the marts: every fact of every model has its verdict and its type,
-- and every fact of a searched language has its presence.
with
fct_predictions as (select * from {{ ref('fct_predictions') }}),
int_traced_predictions as (select * from {{ ref('int_traced_predictions') }}),
dim_models as (select * from {{ ref('dim_models') }}),
corpus_sizes as (select * from {{ ref('corpus_sizes') }}),
int_language_facts as (select * from {{ ref('int_language_facts') }}),
fct_fact_presence as (select * from {{ ref('fct_fact_presence') }}),

unanswered as (
    select
        'a fact has no verdict in fct_predictions' as problem,
        model_id as owner_id,
        language_code,
        fact_id,
    from fct_predictions
    where is_full_match is null
),

untyped as (
    select
        'a fact has no type in int_traced_predictions' as problem,
        model_id,
        language_code,
        fact_id,
    from int_traced_predictions
    inner join dim_models using (model_id)
    -- A model without weights has no tokenizer, which the types need.
    where fact_type_code is null and dim_models.tokenizer_hash is not null
),

untraced as (
    select
        'a fact is missing in fct_fact_presence' as problem,
        sizes.corpus_id,
        labels.language_code,
        labels.fact_id,
    from corpus_sizes as sizes
    inner join int_language_facts as labels using (language_code)
    anti join fct_fact_presence as presence
        on sizes.corpus_id = presence.corpus_id
        and labels.language_code = presence.language_code
        and labels.fact_id = presence.fact_id
),

final as (
    select * from unanswered
    union all
    select * from untyped
    union all
    select * from untraced
)

select * from final
