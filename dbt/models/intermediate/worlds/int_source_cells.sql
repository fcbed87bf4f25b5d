-- A language answers about a fact that its own text does not state; does another language state it?
-- The coin's probability is taken off the statement, and what is expected off the answer: what is usual
-- in the language with as many other sources, and the mean of the same question in the other worlds,
-- with the fact's mean there as a prior. None of it depends on the coin of the source, so a fact that
-- is easy everywhere pulls no weight, and neither do the other languages that state it.
{{ config(materialized='table') }}

{%- set prior = var("world_prior_count") %}
{%- set outcomes = ["is_right", "object_log_prob"] %}

with
int_coin_answers as (select * from {{ ref('int_coin_answers') }}),
int_language_facts as (select * from {{ ref('int_language_facts') }}),
stg_lake__languages as (select * from {{ ref('stg_lake__languages') }}),

-- The seeds of a world are one observation.
answers as (
    select
        arm_code,
        half_code,
        world_id,
        language_code,
        fact_id,
        relation_id,
        other_stating_language_count as source_count,
        avg(is_right::integer) as is_right,
        avg(object_log_prob::double order by object_log_prob) as object_log_prob,
    from (
        select * exclude (half_code), unnest([half_code, 'all']) as half_code
        from int_coin_answers
        where not is_stated
    )
    group by all
),

-- From six sources on, P@1 hardly rises any more.
usual as (
    select
        arm_code,
        half_code,
        language_code,
        least(source_count, 6) as source_group,
        {%- for outcome in outcomes %}
        avg({{ outcome }} order by {{ outcome }}) as usual_{{ outcome }},
        {%- endfor %}
    from answers
    group by all
),

unusual as (
    select
        answers.* exclude (is_right, object_log_prob),
        {%- for outcome in outcomes %}
        answers.{{ outcome }},
        answers.{{ outcome }} - usual.usual_{{ outcome }} as unusual_{{ outcome }},
        {%- endfor %}
    from answers
    inner join usual
        on answers.arm_code = usual.arm_code
        and answers.half_code = usual.half_code
        and answers.language_code = usual.language_code
        and least(answers.source_count, 6) = usual.source_group
),

expected as (
    select
        * exclude (unusual_is_right, unusual_object_log_prob),
        {%- for outcome in outcomes %}
        {#- A log-probability is beyond the range of exact_sum, its 64th part is not. #}
        {%- set scaled = "unusual_" ~ outcome ~ " / 64" %}
        (
            {{ exact_sum(scaled, over="question") }} * 64 - unusual_{{ outcome }}
            + {{ prior }}
                * (
                    {{ exact_sum(scaled, over="fact") }} * 64
                    - {{ exact_sum(scaled, over="fact_in_world") }} * 64
                )
                / nullif(count(*) over fact - count(*) over fact_in_world, 0)
        ) / (count(*) over question - 1 + {{ prior }}) as expected_{{ outcome }},
        {%- endfor %}
    from unusual
    window
        question as (partition by arm_code, half_code, language_code, fact_id),
        fact as (partition by arm_code, half_code, fact_id),
        fact_in_world as (partition by arm_code, half_code, fact_id, world_id)
),

statements as (
    select distinct
        world_id,
        language_code,
        fact_id,
        is_stated::integer as is_stated,
        is_stated::integer - coin_probability as unexpected_statement,
    from int_coin_answers
),

links as (
    select
        source.language_code as source_language_code,
        target.language_code as target_language_code,
        source.fact_id,
        {{ link_code(
            "source.object_label = target.object_label", "source_languages.script = target_languages.script"
        ) }} as link_code,
    from int_language_facts as source
    inner join int_language_facts as target using (fact_id)
    inner join stg_lake__languages as source_languages on source.language_code = source_languages.language_code
    inner join stg_lake__languages as target_languages on target.language_code = target_languages.language_code
),

pairs as (
    select
        expected.*,
        statements.language_code as source_language_code,
        statements.unexpected_statement,
        least(expected.source_count - statements.is_stated, 6) as other_source_group,
    from expected
    inner join statements
        on expected.world_id = statements.world_id
        and expected.fact_id = statements.fact_id
    where expected.language_code != statements.language_code
        and expected.expected_is_right is not null
),

final as (
    select
        pairs.arm_code,
        pairs.half_code,
        pairs.source_language_code,
        pairs.language_code as target_language_code,
        pairs.relation_id,
        pairs.fact_id,
        pairs.world_id,
        links.link_code,
        pairs.unexpected_statement,
        {%- for outcome in outcomes %}
        pairs.{{ outcome }} - usual.usual_{{ outcome }} - pairs.expected_{{ outcome }} as unexpected_{{ outcome }},
        {%- endfor %}
    from pairs
    inner join usual
        on pairs.arm_code = usual.arm_code
        and pairs.half_code = usual.half_code
        and pairs.language_code = usual.language_code
        and pairs.other_source_group = usual.source_group
    inner join links
        on pairs.source_language_code = links.source_language_code
        and pairs.language_code = links.target_language_code
        and pairs.fact_id = links.fact_id
)

select * from final
