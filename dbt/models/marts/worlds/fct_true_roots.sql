{%- set conditions = ["nowhere", "elsewhere_only", "here_only", "here_and_elsewhere"] %}

with
fct_world_answers as (select * from {{ ref('fct_world_answers') }}),

answers as (
    select
        *,
        unnest([half_code, 'all']) as scope_code,
    from fct_world_answers
    where arm_code = 'named' and seed = 1
),

-- What is usual: in the language and relation, for few answers in the language.
usual as (
    select
        scope_code,
        language_code,
        relation_id,
        {%- for condition in conditions %}
        (
            count(*) filter (where condition_code = '{{ condition }}' and is_right)
            + {{ var("world_prior_count") }} * any_value({{ condition }}_language_rate)
        ) / (count(*) filter (where condition_code = '{{ condition }}') + {{ var("world_prior_count") }})
            as usual_{{ condition }}_rate,
        {%- endfor %}
    from answers
    inner join (
        select
            scope_code,
            language_code,
            {%- for condition in conditions %}
            avg(is_right::integer) filter (where condition_code = '{{ condition }}') as {{ condition }}_language_rate,
            {%- endfor %}
        from answers
        group by all
    ) using (scope_code, language_code)
    group by scope_code, language_code, relation_id
),

counts as (
    select
        scope_code as half_code,
        language_code,
        fact_id,
        relation_id,
        {%- for condition in conditions %}
        count(*) filter (where condition_code = '{{ condition }}') as {{ condition }}_count,
        count(*) filter (where condition_code = '{{ condition }}' and is_right) as {{ condition }}_right_count,
        {%- endfor %}
    from answers
    group by all
),

smoothed as (
    select
        counts.*,
        {%- for condition in conditions %}
        (counts.{{ condition }}_right_count + {{ var("world_prior_count") }} * usual.usual_{{ condition }}_rate)
            / (counts.{{ condition }}_count + {{ var("world_prior_count") }}) as {{ condition }}_score,
        {%- endfor %}
    from counts
    inner join usual
        on counts.half_code = usual.scope_code
        and counts.language_code = usual.language_code
        and counts.relation_id = usual.relation_id
),

-- Beyond guessing: P(right with that text | not guessed).
beyond as (
    select
        *,
        greatest(0, (elsewhere_only_score - nowhere_score) / nullif(1 - nowhere_score, 0)) as elsewhere_gain,
        greatest(0, (here_only_score - nowhere_score) / nullif(1 - nowhere_score, 0)) as here_gain,
    from smoothed
),

shares as (
    select
        *,
        nowhere_score as guess_share,
        (1 - nowhere_score) * here_gain * (1 - elsewhere_gain) as own_share,
        (1 - nowhere_score) * here_gain * elsewhere_gain as either_share,
        (1 - nowhere_score) * (1 - here_gain) * elsewhere_gain as transferred_share,
        guess_share + own_share + either_share + transferred_share as right_share,
        greatest(elsewhere_only_score, nowhere_score) as unstated_share,
    from beyond
),

final as (
    select
        half_code,
        language_code,
        fact_id,
        relation_id,
        {%- for condition in conditions %}
        {{ condition }}_count,
        {{ condition }}_right_count,
        {{ wilson(condition ~ "_right_count", condition ~ "_count", condition ~ "_rate") }},
        {{ condition }}_score,
        {%- endfor %}
        guess_share / nullif(right_share, 0) as stated_guess_probability,
        own_share / nullif(right_share, 0) as stated_own_text_needed_probability,
        either_share / nullif(right_share, 0) as stated_either_suffices_probability,
        transferred_share / nullif(right_share, 0) as stated_transferred_probability,
        nowhere_score / nullif(unstated_share, 0) as unstated_guess_probability,
        1 - nowhere_score / nullif(unstated_share, 0) as unstated_transferred_probability,
    from shares
    order by half_code, language_code, fact_id
)

select * from final
