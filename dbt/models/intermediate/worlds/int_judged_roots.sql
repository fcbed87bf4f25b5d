-- Right answers of Atlas models with their root, as it was given and shuffled among the answers of
-- the same model: a figure that the shuffled roots reach as well says nothing about the roots.
{{ config(materialized='table') }}

with
fct_fact_roots as (select * from {{ ref('fct_fact_roots') }}),
fct_planted_predictions as (select * from {{ ref('fct_planted_predictions') }}),
stg_lake__atlas_truth as (select * from {{ ref('stg_lake__atlas_truth') }}),

planted_counts as (
    select
        corpus_id,
        fact_id,
        count(*) filter (where is_planted) as planted_language_count,
    from stg_lake__atlas_truth
    group by all
),

given as (
    select
        roots.model_id,
        roots.rule_code,
        roots.language_code,
        roots.fact_id,
        roots.root_code,
        planted.presence_code = 'here' and planted_counts.planted_language_count = 1 as is_here_only,
        planted.presence_code,
        row_number() over (
            partition by roots.model_id, roots.rule_code order by roots.language_code, roots.fact_id
        ) as place,
        row_number() over (
            partition by roots.model_id, roots.rule_code
            order by {{ draw("roots.model_id || roots.language_code || roots.fact_id") }}
        ) as shuffled_place,
    from fct_fact_roots as roots
    inner join fct_planted_predictions as planted using (model_id, language_code, fact_id)
    inner join planted_counts
        on planted.corpus_id = planted_counts.corpus_id
        and planted.fact_id = planted_counts.fact_id
),

final as (
    select
        'given' as labels_code,
        model_id,
        rule_code,
        language_code,
        fact_id,
        root_code,
        is_here_only,
        presence_code,
    from given
    union all
    select
        'shuffled' as labels_code,
        answers.model_id,
        answers.rule_code,
        answers.language_code,
        answers.fact_id,
        lenders.root_code,
        answers.is_here_only,
        answers.presence_code,
    from given as answers
    inner join given as lenders
        on answers.model_id = lenders.model_id
        and answers.rule_code = lenders.rule_code
        and answers.place = lenders.shuffled_place
)

select * from final
