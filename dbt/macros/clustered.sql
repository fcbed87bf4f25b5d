{#-
    Intervals for rates whose observations depend on each other within clusters: the answers to one fact
    in many languages, the facts with one object, the pairs of neurons of one fact.
-#}

{#-
    Quantile of Student's t with `df` degrees of freedom that cuts off 2.5 % (Cornish & Fisher; Abramowitz
    & Stegun 26.7.5). From three degrees of freedom on it is at most 1 % too small.
-#}
{% macro student_quantile(df) -%}
    {%- set z = var("interval_z", 1.959964) -%}
    {%- set terms = [
        (z ** 3 + z) / 4,
        (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
        (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
        (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92160,
    ] -%}
    ({{ z }}{% for term in terms %} + {{ term }} / ({{ df }})::double ** {{ loop.index }}{% endfor %})
{%- endmacro %}

{#-
    A select of `keys`, of <name>_cluster_count, the clusters with observations, and of <name>_effective_count:
    how many independent observations would give a rate as certain as `numerator` / `denominator`, which
    are columns of counts in `cells`. `cluster` is a column or a list of columns as text. The variance is
    that of a ratio of sums over clusters (Liang & Zeger 1986). A rate of 0 or 1 does not vary, so there
    every cluster counts as one observation. Counts are whole numbers, so the sums are exact.
-#}
{% macro effective_counts(cells, keys, cluster, numerator, denominator, name) -%}
    {%- set key_list = keys | join(", ") -%}
    with clusters as (
        select
            {{ key_list }},
            sum({{ numerator }})::double as hits,
            sum({{ denominator }})::double as size,
        from {{ cells }}
        group by {{ key_list }}, {{ cluster }}
        having size > 0
    ),

    sums as (
        select
            {{ key_list }},
            count(*) as clusters,
            sum(hits) as hits,
            sum(size) as size,
            sum(hits) / sum(size) as rate,
            sum(hits * hits) - 2 * rate * sum(hits * size) + rate * rate * sum(size * size) as squares,
        from clusters
        group by all
    )

    select
        {{ key_list }},
        clusters as {{ name }}_cluster_count,
        case
            when hits in (0, size) then clusters
            when clusters > 1
            then least(size, rate * (1 - rate) * size * size * (clusters - 1) / clusters / nullif(greatest(squares, 0), 0))
        end as {{ name }}_effective_count,
    from sums
{%- endmacro %}

{#-
    Two columns, <name>_low and <name>_high: Wilson's interval of `rate` as if it had been observed on
    `effective_count` independent observations, with Student's quantile for `cluster_count` clusters
    (Korn & Graubard 1998). Null with fewer than two clusters.
-#}
{% macro clustered_wilson(rate, effective_count, cluster_count, name) -%}
    {%- set n = effective_count -%}
    {%- set t = student_quantile("(" ~ cluster_count ~ " - 1)") -%}
    {%- for bound, sign, clamp in [("low", "-", "greatest(0, least"), ("high", "+", "least(1, greatest")] %}
    case
        when {{ cluster_count }} > 1 and {{ n }} > 0 and ({{ rate }}) is not null
        then {{ clamp }}(
            {{ rate }},
            (
                {{ rate }} + {{ t }} ** 2 / (2 * {{ n }})
                {{ sign }} {{ t }} * sqrt(({{ rate }} * (1 - {{ rate }}) + {{ t }} ** 2 / (4 * {{ n }})) / {{ n }})
            )
            / (1 + {{ t }} ** 2 / {{ n }})
        ))
    end as {{ name }}_{{ bound }}
    {{- "," if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#-
    A select of `keys`, of cluster_count, and of the 95 % intervals of Pearson's r and Spearman's rho of x
    and y when points of one `cluster` depend on each other: how far each cluster pulls the coefficient
    (its influence function; ranks are taken as given), squared and added up, on Fisher's scale, with
    Student's quantile. The coefficients are those of `correlate`.
-#}
{% macro clustered_correlation(points, keys, cluster) -%}
    {%- set key_list = keys | join(", ") -%}
    {%- set statistics = [("pearson", "x", "y"), ("spearman", "x_rank", "y_rank")] -%}
    with ranked as (
        select
            *,
            {%- for axis in ["x", "y"] %}
            {{ mean_rank(axis, key_list) }} as {{ axis }}_rank,
            {%- endfor %}
        from {{ points }}
    ),

    moments as (
        select
            {{ key_list }},
            count(*) as point_count,
            count(distinct {{ cluster }}) as cluster_count,
            {%- for name, x, y in statistics %}
            round(corr({{ y }}, {{ x }} order by x, y), 12) as {{ name }},
            {%- for axis in [x, y] %}
            avg({{ axis }} order by {{ axis }}) as {{ axis }}_mean,
            nullif(stddev_pop({{ axis }} order by {{ axis }}), 0) as {{ axis }}_spread,
            {%- endfor %}
            {%- endfor %}
        from ranked
        group by all
    ),

    standardized as (
        select
            {{ key_list }},
            {{ cluster }},
            point_count,
            {%- for name, x, y in statistics %}
            {{ name }},
            {%- for axis in [x, y] %}
            ({{ axis }} - {{ axis }}_mean) / {{ axis }}_spread as {{ axis }}_z,
            {%- endfor %}
            {%- endfor %}
        from ranked
        inner join moments using ({{ key_list }})
    ),

    pulls as (
        select
            {{ key_list }},
            {{ cluster }},
            {%- for name, x, y in statistics %}
            {{ exact_sum(
                "(" ~ x ~ "_z * " ~ y ~ "_z - " ~ name ~ " / 2 * (" ~ x ~ "_z ** 2 + " ~ y ~ "_z ** 2)) / point_count"
            ) }} as {{ name }}_pull,
            {%- endfor %}
        from standardized
        group by all
    ),

    errors as (
        select
            {{ key_list }},
            {%- for name, _, _ in statistics %}
            sqrt(
                sum({{ name }}_pull ** 2 order by abs({{ name }}_pull)) * count(*) / nullif(count(*) - 1, 0)
            ) as {{ name }}_error,
            {%- endfor %}
        from pulls
        group by all
    )

    select
        {{ key_list }},
        cluster_count,
        {%- for name, _, _ in statistics %}
        {%- for bound, sign in [("low", "-"), ("high", "+")] %}
        case
            when cluster_count > 3 and abs({{ name }}) < 1
            then tanh(
                atanh({{ name }})
                {{ sign }} {{ student_quantile("(cluster_count - 1)") }} * {{ name }}_error / (1 - {{ name }} ** 2)
            )
        end as {{ name }}_score_{{ bound }},
        {%- endfor %}
        {%- endfor %}
    from moments
    inner join errors using ({{ key_list }})
{%- endmacro %}
