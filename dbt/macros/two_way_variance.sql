{#-
    A select of `keys` and the `variance` of an estimate whose observations depend on each other within
    a fact and within a world. `pulls` has the keys, fact_id, world_id and `pull`: how far one
    observation pulls the estimate.
-#}
{% macro two_way_variance(pulls, keys) -%}
    {%- set key_list = keys | join(", ") -%}
    with
    {%- for name, clusters in [("facts", "fact_id"), ("worlds", "world_id"), ("cells", "fact_id, world_id")] %}
    {{ name }} as (
        select
            {{ key_list }},
            {{ exact_sum('pull * pull') }} * count(*) / greatest(count(*) - 1, 1) as variance,
        from (
            select {{ key_list }}, {{ exact_sum('pull') }} as pull
            from {{ pulls }}
            group by {{ key_list }}, {{ clusters }}
        )
        group by all
    ){{ "," if not loop.last }}
    {%- endfor %}

    select
        {{ key_list }},
        {{ two_way_sum('facts.variance', 'worlds.variance', 'cells.variance') }} as variance,
    from facts
    inner join worlds using ({{ key_list }})
    inner join cells using ({{ key_list }})
{%- endmacro %}

{#-
    The variance with clusters of two kinds (Cameron, Gelbach & Miller 2011): the variances of both
    kinds are added up, and that of the cells, which both count, is taken off. With few worlds the rest
    can be too small by chance; it is never less than if all cells were independent.
-#}
{% macro two_way_sum(facts, worlds, cells) -%}
    greatest({{ facts }} + {{ worlds }} - {{ cells }}, {{ cells }})
{%- endmacro %}

{#- Three columns: `score` and the bounds of its 95 % interval from `estimate` and `variance`. -#}
{% macro normal_interval(estimate, variance, score) -%}
    {{ estimate }} as {{ score }},
    {{ estimate }} - {{ var("interval_z") }} * sqrt({{ variance }}) as {{ score }}_low,
    {{ estimate }} + {{ var("interval_z") }} * sqrt({{ variance }}) as {{ score }}_high
{%- endmacro %}
