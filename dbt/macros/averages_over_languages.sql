{#-
    A select with two rows per `keys`: aggregation_code 'micro' pools the counts of all languages,
    'macro' is the mean of their rates. The columns are `keys`, aggregation_code, language_count (the
    languages that have a rate), the sums of `counts`, `rate` with its 95 % interval, and the bounds
    by_object_<rate>_low and _high. `languages` has the counts and the rate of each language. `cells` has
    one row per language and fact of a denominator: keys, language_code, fact_id, relation_id, object_id
    and is_hit (0 or 1). The answers to a fact in several languages depend on each other, so the interval
    is over facts, the second one over objects: how far each of them pulls the average, squared and added
    up (Liang & Zeger 1986), as in clustered_wilson.
-#}
{% macro averages_over_languages(languages, cells, keys, counts, numerator, denominator, rate) -%}
    {%- set key_list = keys | join(", ") -%}
    {%- set clusters = {"fact": "relation_id, object_id, fact_id", "object": "relation_id, object_id"} -%}
    {%- set averages = ["micro", "macro"] -%}
    with pooled as (
        select
            {{ key_list }},
            count({{ rate }}) as language_count,
            {%- for count in counts %}
            sum({{ count }})::bigint as {{ count }},
            {%- endfor %}
            sum({{ numerator }}) / nullif(sum({{ denominator }}), 0)::double as micro_rate,
            avg({{ rate }} order by {{ rate }}) as macro_rate,
        from {{ languages }}
        group by {{ key_list }}
    ),

    fact_pulls as (
        select
            {{ key_list }},
            {{ clusters["fact"] }},
            {{ exact_sum("(cells.is_hit - pooled.micro_rate) / pooled." ~ denominator) }} as micro_pull,
            {{ exact_sum(
                "(cells.is_hit - languages." ~ rate ~ ") / (languages." ~ denominator ~ " * pooled.language_count)"
            ) }} as macro_pull,
        from {{ cells }} as cells
        inner join pooled using ({{ key_list }})
        inner join {{ languages }} as languages using ({{ key_list }}, language_code)
        group by all
    ),

    object_pulls as (
        select
            {{ key_list }},
            {{ clusters["object"] }},
            {%- for average in averages %}
            {{ exact_sum(average ~ "_pull") }} as {{ average }}_pull,
            {%- endfor %}
        from fact_pulls
        group by all
    ),

    {% for cluster in clusters -%}
    {{ cluster }}_variances as (
        select
            {{ key_list }},
            count(*) as cluster_count,
            {%- for average in averages %}
            sum({{ average }}_pull ** 2 order by abs({{ average }}_pull))
                * count(*) / nullif(count(*) - 1, 0) as {{ average }}_variance,
            {%- endfor %}
        from {{ cluster }}_pulls
        group by all
    ),

    {% endfor -%}
    averages as (
        {%- for average in averages %}
        select
            pooled.*,
            '{{ average }}' as aggregation_code,
            {{ average }}_rate as rate,
            {%- for cluster in clusters %}
            {{ cluster }}_variances.cluster_count as {{ cluster }}_clusters,
            case
                when rate in (0, 1) then {{ cluster }}_variances.cluster_count
                else least(
                    pooled.{{ denominator }}, rate * (1 - rate) / nullif({{ cluster }}_variances.{{ average }}_variance, 0)
                )
            end as {{ cluster }}_effective_count,
            {%- endfor %}
        from pooled
        {%- for cluster in clusters %}
        left join {{ cluster }}_variances using ({{ key_list }})
        {%- endfor %}
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}
    )

    select
        {{ (keys + ["aggregation_code", "language_count"] + counts) | join(", ") }},
        rate as {{ rate }},
        {{ clustered_wilson("rate", "fact_effective_count", "fact_clusters", rate) }},
        {{ clustered_wilson("rate", "object_effective_count", "object_clusters", "by_object_" ~ rate) }},
    from averages
{%- endmacro %}
