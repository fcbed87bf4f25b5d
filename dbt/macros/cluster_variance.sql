{#-
    A select of `keys` and the `variance` of a difference of two rates by clusters (Liang & Zeger
    1986): how far each cluster pulls the difference, squared and added up. `cells` has
    treated_count, treated_match_count, control_count and control_match_count per cluster or finer,
    `totals` the same per `keys`. With `strata`, the clusters of each stratum are a sample of their
    own, and the sum is corrected for its size.
-#}
{% macro cluster_variance(cells, totals, keys, cluster, strata=none) -%}
    {%- set key_list = keys | join(", ") -%}
    with pulls as (
        select
            {{ key_list }},
            cells.{{ cluster }},
            {%- if strata %}
            cells.{{ strata }} as stratum,
            {%- else %}
            'all' as stratum,
            {%- endif %}
            {%- for arm in ["treated", "control"] %}
            (
                sum(cells.{{ arm }}_match_count)
                - sum(cells.{{ arm }}_count)
                    * any_value(totals.{{ arm }}_match_count / totals.{{ arm }}_count::double)
            )
            / any_value(totals.{{ arm }}_count) {{ "-" if not loop.last else "as pull," }}
            {%- endfor %}
        from {{ cells }} as cells
        inner join {{ totals }} as totals using ({{ key_list }})
        where totals.treated_count > 0 and totals.control_count > 0
        group by all
    ),

    stratum_variances as (
        select
            {{ key_list }},
            stratum,
            sum(pull * pull order by pull)
                {{- " * count(*) / greatest(count(*) - 1, 1)" if strata }} as variance,
        from pulls
        group by all
    )

    select
        {{ key_list }},
        sum(variance order by variance) as variance,
    from stratum_variances
    group by all
{%- endmacro %}
