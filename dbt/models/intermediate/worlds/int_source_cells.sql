-- A language answers about a fact that its own text does not state; does another language state it?
-- Both the statement and the answer are measured from their means over the worlds in which the
-- question is asked, so that a fact that is easy everywhere pulls no weight. Before that, the coin's
-- probability is taken off the statement: it differs between the strata, and so does P@1.
{{ config(materialized='table') }}

with
int_coin_answers as (select * from {{ ref('int_coin_answers') }}),
int_language_facts as (select * from {{ ref('int_language_facts') }}),
stg_lake__languages as (select * from {{ ref('stg_lake__languages') }}),

answers as (
    select
        *,
        unnest([half_code, 'all']) as scope_code,
    from int_coin_answers
    where not is_stated
),

statements as (
    select
        world_id,
        language_code,
        fact_id,
        is_stated::integer - coin_probability as surprise,
    from int_coin_answers
    where seed = 1
),

pairs as (
    select
        answers.arm_code,
        answers.scope_code as half_code,
        statements.language_code as source_language_code,
        answers.language_code as target_language_code,
        answers.relation_id,
        answers.fact_id,
        answers.world_id,
        statements.surprise,
        answers.is_right::integer as is_right,
        answers.object_log_prob,
    from answers
    inner join statements
        on answers.world_id = statements.world_id
        and answers.fact_id = statements.fact_id
        and answers.language_code != statements.language_code
),

links as (
    select
        source.language_code as source_language_code,
        target.language_code as target_language_code,
        source.fact_id,
        source.object_label = target.object_label as is_identical_string,
        source_languages.script = target_languages.script as is_same_script,
    from int_language_facts as source
    inner join int_language_facts as target using (fact_id)
    inner join stg_lake__languages as source_languages on source.language_code = source_languages.language_code
    inner join stg_lake__languages as target_languages on target.language_code = target_languages.language_code
),

final as (
    select
        pairs.* exclude (surprise, is_right, object_log_prob),
        links.is_identical_string,
        links.is_same_script,
        {%- for column in ["surprise", "is_right", "object_log_prob"] %}
        pairs.{{ column }} - avg(pairs.{{ column }} order by pairs.{{ column }}) over question as centred_{{ column }},
        {%- endfor %}
    from pairs
    inner join links using (source_language_code, target_language_code, fact_id)
    window question as (
        partition by
            pairs.arm_code, pairs.half_code, pairs.source_language_code,
            pairs.target_language_code, pairs.fact_id
    )
)

select * from final
