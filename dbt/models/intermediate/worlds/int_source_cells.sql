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

-- A name in a language, with the language's script.
names as (
    select
        labels.language_code,
        labels.fact_id,
        labels.object_label,
        languages.script,
    from int_language_facts as labels
    inner join stg_lake__languages as languages using (language_code)
),

statements as (
    select distinct
        answers.world_id,
        language_code,
        fact_id,
        answers.is_stated::integer as is_stated,
        answers.is_stated::integer - answers.coin_probability as unexpected_statement,
        names.object_label,
        names.script,
    from int_coin_answers as answers
    inner join names using (language_code, fact_id)
),

named as (
    select
        expected.*,
        names.object_label,
        names.script,
    from expected
    inner join names using (language_code, fact_id)
),

pairs as (
    select
        target.*,
        source.language_code as source_language_code,
        source.unexpected_statement,
        least(target.source_count - source.is_stated, 6) as other_source_group,
        {{ link_code("source.object_label = target.object_label", "source.script = target.script") }} as link_code,
    from named as target
    inner join statements as source
        on target.world_id = source.world_id
        and target.fact_id = source.fact_id
    where target.language_code != source.language_code
        and target.expected_is_right is not null
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
        pairs.link_code,
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
)

select * from final
