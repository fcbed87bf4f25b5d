{#-
    A select of `keys`, counts, and the effect of a source's statement on the target's answer, from
    rows of int_source_cells: the slope of the unexpected answer on the unexpected statement, with its
    variance by fact and world. In probability (weight) and in nats of the object (log_prob_weight).
    A slope pulls its variance by sums of products only, so each cluster is summed once; a row of
    int_source_cells is a cluster of its own (`is_cell`) if the keys name source and target.
-#}
{% macro source_effects(cells, keys, is_cell=false) -%}
    {%- set key_list = keys | join(", ") -%}
    {%- set outcomes = [("weight", "unexpected_is_right"), ("log_prob_weight", "unexpected_object_log_prob")] -%}
    {%- set sums = ["spread"] -%}
    {%- for name, _ in outcomes -%}
    {%- do sums.append(name ~ "_product") -%}
    {%- endfor -%}
    with cells as (
        select
            {{ key_list }},
            fact_id,
            world_id,
            {{ "1" if is_cell else "count(*)" }} as answer_count,
            {{ exact('unexpected_statement ** 2') if is_cell else exact_total('unexpected_statement ** 2') }} as spread,
            {%- for name, outcome in outcomes %}
            {%- set product = 'unexpected_statement * ' ~ outcome ~ ' / 64' %}
            -- Log-probabilities are beyond the range of exact_total, their 64th part is not.
            {{ exact(product) if is_cell else exact_total(product) }} as {{ name }}_product,
            {%- endfor %}
        from {{ cells }}
        {{ "group by " ~ key_list ~ ", fact_id, world_id" if not is_cell }}
    ),

    {% for name, cluster in [("facts", "fact_id"), ("worlds", "world_id")] -%}
    {{ name }} as (
        select
            {{ key_list }},
            sum(answer_count) as answer_count,
            {%- for value in sums %}
            sum({{ value }}) as {{ value }},
            {%- endfor %}
        from cells
        group by {{ key_list }}, {{ cluster }}
    ),

    {% endfor -%}
    slopes as (
        select
            {{ key_list }},
            sum(answer_count)::bigint as answer_count,
            count(*) as fact_count,
            sum(spread)::double as spread,
            {%- for name, _ in outcomes %}
            64 * sum({{ name }}_product)::double / nullif(sum(spread)::double, 0) as {{ name }},
            {%- endfor %}
        from facts
        group by {{ key_list }}
    ),

    {% for name in ["facts", "worlds", "cells"] -%}
    {{ name }}_variances as (
        select
            {{ key_list }},
            count(*) as cluster_count,
            {%- for outcome, _ in outcomes %}
            {%- set pull = "((64 * clusters." ~ outcome ~ "_product::double - slopes." ~ outcome
                ~ " * clusters.spread::double) / slopes.spread)" %}
            {{ exact_sum(pull ~ " ** 2") }} * count(*) / greatest(count(*) - 1, 1) as {{ outcome }},
            {%- endfor %}
        from {{ name }} as clusters
        inner join slopes using ({{ key_list }})
        where slopes.spread > 0
        group by {{ key_list }}
    ){{ "," if not loop.last }}

    {% endfor %}
    select
        {{ key_list }},
        slopes.answer_count,
        slopes.fact_count,
        worlds_variances.cluster_count as world_count,
        {%- for name, _ in outcomes %}
        slopes.{{ name }},
        {{ two_way_sum("facts_variances." ~ name, "worlds_variances." ~ name, "cells_variances." ~ name) }}
            as {{ name }}_variance,
        {%- endfor %}
    from slopes
    inner join facts_variances using ({{ key_list }})
    inner join worlds_variances using ({{ key_list }})
    inner join cells_variances using ({{ key_list }})
{%- endmacro %}
