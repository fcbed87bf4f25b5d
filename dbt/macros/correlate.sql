{#-
    A select that correlates the columns x and y of a CTE within each group of `keys`: the number of
    points, Pearson's r, Spearman's rho (mean ranks for ties), each with a 95 % interval by Fisher's
    transformation. The variance of the transformed value is 1 / (n - 3) for r and
    (1 + rho^2 / 2) / (n - 3) for rho (Bonett & Wright 2000). A coefficient is null for fewer than
    three points or if x or y does not vary; an interval needs four points and |coefficient| < 1.
    The aggregates are ordered, so that the last digit does not depend on the number of threads.
    Rounding to 12 digits makes a perfect correlation exactly 1.
-#}
{% macro correlate(points, keys) -%}
    {%- set key_list = keys | join(", ") -%}
    {%- set statistics = [("pearson", "x", "y", "1"), ("spearman", "x_rank", "y_rank", "1 + coefficient * coefficient / 2")] -%}
    with ranked as (
        select
            *,
            {{ mean_rank("x", key_list) }} as x_rank,
            {{ mean_rank("y", key_list) }} as y_rank,
        from {{ points }}
    ),

    coefficients as (
        select
            {{ key_list }},
            count(*) as point_count,
            {%- for name, x, y, _ in statistics %}
            case
                when count(*) >= 3 and min(x) < max(x) and min(y) < max(y)
                then round(corr({{ y }}, {{ x }} order by x, y), 12)
            end as {{ name }},
            {%- endfor %}
        from ranked
        group by all
    )

    select
        {{ key_list }},
        point_count,
        {%- for name, _, _, variance in statistics %}
        {{ name }} as {{ name }}_score,
        {%- for bound, sign in [("low", "-"), ("high", "+")] %}
        case
            when point_count > 3 and abs({{ name }}) < 1
            then tanh(
                atanh({{ name }})
                {{ sign }} {{ var("interval_z") }}
                * sqrt(({{ variance | replace("coefficient", name) }}) / (point_count - 3))
            )
        end as {{ name }}_score_{{ bound }},
        {%- endfor %}
        {%- endfor %}
    from coefficients
{%- endmacro %}

{#- Rank of a value within each group of `key_list`; equal values share the mean of their ranks. -#}
{% macro mean_rank(value, key_list) -%}
    rank() over (partition by {{ key_list }} order by {{ value }})
    + (
        count(*) over (partition by {{ key_list }} order by {{ value }} range between current row and current row)
        - 1
    ) / 2.0
{%- endmacro %}
