{#-
    A select with two rows per `keys`: aggregation_code 'micro' pools the counts of all languages,
    'macro' is the mean of their rates. The columns are `keys`, aggregation_code, language_count (the
    languages that have a rate), the sums of `counts`, and `rate` with its 95 % interval. The micro
    interval is Wilson's; the macro interval follows from those of the languages, whose rates are
    independent (Zou & Donner 2008).
-#}
{% macro averages_over_languages(languages, keys, counts, numerator, denominator, rate) -%}
    {%- set columns = keys + ["aggregation_code", "language_count"] + counts -%}
    with pooled as (
        select
            {{ keys | join(", ") }},
            unnest(['micro', 'macro']) as aggregation_code,
            count({{ rate }}) as language_count,
            {%- for count in counts %}
            sum({{ count }})::bigint as {{ count }},
            {%- endfor %}
            avg({{ rate }} order by {{ rate }}) as mean_rate,
            {%- for side, distance in [
                ("below", rate ~ " - " ~ rate ~ "_low"),
                ("above", rate ~ "_high - " ~ rate),
            ] %}
            sqrt(sum(({{ distance }}) ** 2 order by {{ rate }}, {{ denominator }}))
                / count({{ rate }}) as mean_{{ side }},
            {%- endfor %}
        from {{ languages }}
        group by {{ keys | join(", ") }}
    )

    select
        {{ columns | join(", ") }},
        {{ wilson(numerator, denominator, rate) }},
    from pooled
    where aggregation_code = 'micro'
    union all
    select
        {{ columns | join(", ") }},
        mean_rate,
        greatest(0, mean_rate - mean_below),
        least(1, mean_rate + mean_above),
    from pooled
    where aggregation_code = 'macro'
{%- endmacro %}
