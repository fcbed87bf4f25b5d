with
knowledge_facts as not materialized (select * from {{ ref('knowledge_facts') }}),
fct_knowledge_neurons as (select * from {{ ref('fct_knowledge_neurons') }}),

languages as (
    select
        model_id,
        method_code,
        language_code,
        row_number() over (partition by model_id, method_code order by language_code) as language_number,
        count(*) over (partition by model_id, method_code) as language_count,
    from (select distinct model_id, method_code, language_code from knowledge_facts) as known
),

-- Facts that were attributed in every language, so that all languages are compared on the same facts.
complete as (
    select
        facts.model_id,
        facts.method_code,
        facts.fact_id,
        languages.language_count,
    from knowledge_facts as facts
    inner join languages using (model_id, method_code, language_code)
    where facts.is_complete
    group by all
    having count(*) = languages.language_count
),

-- The null gives every language a different fact: all facts stand in a ring, in an order of its own for
-- each draw, and language j takes the fact j places further. With fewer facts than languages, two
-- languages would get the same fact: then there is no null. Draw 0 is the facts themselves.
rings as (
    select
        complete.*,
        draws.draw_index,
        row_number() over (
            partition by model_id, method_code, draw_index
            order by {{ draw("draw_index || ':' || fact_id") }}, fact_id
        ) - 1 as place,
        count(*) over (partition by model_id, method_code, draw_index) as fact_count,
    from complete
    cross join range({{ var("null_draw_count", 99) }} + 1) as draws (draw_index)
),

members as (
    select
        rings.model_id,
        rings.method_code,
        rings.draw_index,
        neurons.layer_index,
        neurons.neuron_index,
        if(rings.draw_index = 0, rings.place, (rings.place + languages.language_number) % rings.fact_count)
            as place,
    from fct_knowledge_neurons as neurons
    inner join rings using (model_id, method_code, fact_id)
    inner join languages using (model_id, method_code, language_code)
    where rings.draw_index = 0 or rings.fact_count >= rings.language_count
),

shared as (
    select
        model_id,
        method_code,
        draw_index,
        place,
        layer_index,
        neuron_index,
        count(*) as shared_language_count,
    from members
    group by all
    having count(*) >= 2
),

levels as (
    select distinct
        model_id,
        method_code,
        draw_index,
        language_count,
        fact_count,
        unnest(range(2, language_count + 1)) as shared_language_count,
    from rings
    where draw_index = 0 or fact_count >= language_count
),

draws as (
    select
        levels.*,
        count(distinct shared.place) as shared_fact_count,
        count(shared.place) as shared_neuron_count,
    from levels
    left join shared
        on levels.model_id = shared.model_id
        and levels.method_code = shared.method_code
        and levels.draw_index = shared.draw_index
        and levels.shared_language_count <= shared.shared_language_count
    group by all
),

scores as (
    select
        *,
        shared_fact_count / fact_count as fact_score,
        shared_neuron_count / fact_count as neuron_score,
    from draws
),

-- Mean, 95 % range and p value come from one distribution: the draws.
nulls as (
    select
        scores.model_id,
        scores.method_code,
        scores.shared_language_count,
        count(*) as null_draw_count,
        {%- for measure in ["fact", "neuron"] %}
        avg(scores.{{ measure }}_score order by scores.{{ measure }}_score) as null_{{ measure }}_score,
        quantile_cont(scores.{{ measure }}_score, 0.025) as null_{{ measure }}_score_low,
        quantile_cont(scores.{{ measure }}_score, 0.975) as null_{{ measure }}_score_high,
        (1 + count(*) filter (where scores.{{ measure }}_score >= observed.{{ measure }}_score)) / (1 + count(*))
            as {{ measure }}_p_value,
        {%- endfor %}
    from scores
    inner join scores as observed
        on scores.model_id = observed.model_id
        and scores.method_code = observed.method_code
        and scores.shared_language_count = observed.shared_language_count
        and observed.draw_index = 0
    where scores.draw_index > 0
    group by all
),

final as (
    select
        model_id,
        method_code,
        shared_language_count,
        scores.language_count,
        scores.fact_count as attributed_fact_count,
        scores.shared_fact_count,
        {{ wilson("scores.shared_fact_count", "scores.fact_count", "shared_fact_rate") }},
        scores.neuron_score as shared_neuron_score,
        coalesce(nulls.null_draw_count, 0) as null_draw_count,
        {%- for measure in ["fact", "neuron"] %}
        nulls.null_{{ measure }}_score,
        nulls.null_{{ measure }}_score_low,
        nulls.null_{{ measure }}_score_high,
        nulls.{{ measure }}_p_value,
        {%- endfor %}
    from scores
    left join nulls using (model_id, method_code, shared_language_count)
    where scores.draw_index = 0
    order by model_id, method_code, shared_language_count
)

select * from final
