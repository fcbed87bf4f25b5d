{#-
    A select of `keys`, counts, and the effect of a source's statement on the target's answer, from
    rows of int_source_cells: the slope of the unexpected answer on the unexpected statement, with its
    variance by fact and world. In probability (weight) and in nats of the object (log_prob_weight).
-#}
{% macro source_effects(cells, keys) -%}
    {%- set key_list = keys | join(", ") -%}
    {%- set outcomes = [("weight", "unexpected_is_right"), ("log_prob_weight", "unexpected_object_log_prob")] -%}
    with slopes as (
        select
            {{ key_list }},
            count(*) as answer_count,
            count(distinct fact_id) as fact_count,
            count(distinct world_id) as world_count,
            {{ exact_sum('unexpected_statement ** 2') }} as spread,
            {%- for name, outcome in outcomes %}
            -- Log-probabilities are beyond the range of exact_sum, their 64th part is not.
            64 * {{ exact_sum('unexpected_statement * ' ~ outcome ~ ' / 64') }} / nullif(spread, 0) as {{ name }},
            {%- endfor %}
        from {{ cells }}
        group by {{ key_list }}
    ),

    {% for name, outcome in outcomes -%}
    {{ name }}_pulls as (
        select
            {{ key_list }},
            cells.fact_id,
            cells.world_id,
            cells.unexpected_statement * (cells.{{ outcome }} - slopes.{{ name }} * cells.unexpected_statement)
                / slopes.spread as pull,
        from {{ cells }} as cells
        inner join slopes using ({{ key_list }})
        where slopes.spread > 0
    ),

    {{ name }}_variances as ({{ two_way_variance(name ~ "_pulls", keys) }}){{ "," if not loop.last }}

    {% endfor %}
    select
        {{ key_list }},
        slopes.* exclude ({{ key_list }}, spread),
        {%- for name, _ in outcomes %}
        {{ name }}_variances.variance as {{ name }}_variance,
        {%- endfor %}
    from slopes
    {%- for name, _ in outcomes %}
    inner join {{ name }}_variances using ({{ key_list }})
    {%- endfor %}
{%- endmacro %}
