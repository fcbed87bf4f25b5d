{#-
    A select of `keys` and, for each of `measures`, of <measure>_count, the mean <measure>_score, its
    standard error <measure>_error, its 95 % interval <measure>_score_low and _high, and
    <measure>_block_count, the blocks in which it was observed. `blocks` has <measure>_count and
    <measure>_total per `keys` and block_index. The mean is a ratio of two sums over blocks (Liang & Zeger
    1986), the interval Student's with one degree of freedom less than there are blocks; both are null
    with fewer than smallest_sample blocks. Sums are ordered, so that the last digit does not depend on
    the number of threads.
-#}
{% macro block_means(blocks, keys, measures) -%}
    {%- set key_list = keys | join(", ") -%}
    with sums as (
        select
            {{ key_list }},
            {%- for measure in measures %}
            sum({{ measure }}_count)::bigint as {{ measure }}_count,
            count(*) filter (where {{ measure }}_count > 0) as {{ measure }}_block_count,
            sum({{ measure }}_total order by block_index)
                / nullif(sum({{ measure }}_count), 0) as {{ measure }}_score,
            {%- endfor %}
        from {{ blocks }}
        group by all
    ),

    errors as (
        select
            {{ key_list }},
            {%- for measure in measures %}
            case
                when any_value(sums.{{ measure }}_block_count) >= {{ var("smallest_sample", 8) }}
                then sqrt(
                    sum(
                        power(blocks.{{ measure }}_total - blocks.{{ measure }}_count * sums.{{ measure }}_score, 2)
                        order by block_index
                    )
                    * any_value(sums.{{ measure }}_block_count) / any_value(sums.{{ measure }}_block_count - 1)
                ) / any_value(sums.{{ measure }}_count)
            end as {{ measure }}_error,
            {%- endfor %}
        from {{ blocks }} as blocks
        inner join sums using ({{ key_list }})
        group by all
    )

    select
        {{ key_list }},
        {%- for measure in measures %}
        {{ measure }}_count,
        {{ measure }}_block_count,
        {{ measure }}_score,
        {{ measure }}_error,
        {%- for bound, sign in [("low", "-"), ("high", "+")] %}
        {{ measure }}_score
            {{ sign }} {{ student_quantile("nullif(" ~ measure ~ "_block_count - 1, 0)") }} * {{ measure }}_error
            as {{ measure }}_score_{{ bound }},
        {%- endfor %}
        {%- endfor %}
    from sums
    inner join errors using ({{ key_list }})
{%- endmacro %}

{#-
    The same for `observations`, one row per observation with its `keys`, block_index and `measures`
    (null where not observed). Observations that depend on each other must share a block.
-#}
{% macro observed_block_means(observations, keys, measures) -%}
    with observed_blocks as (
        select
            {{ keys | join(", ") }},
            block_index,
            {%- for measure in measures %}
            count({{ measure }}) as {{ measure }}_count,
            coalesce(sum({{ measure }} order by {{ measure }}), 0) as {{ measure }}_total,
            {%- endfor %}
        from {{ observations }}
        group by all
    )

    select *
    from ({{ block_means("observed_blocks", keys, measures) }})
{%- endmacro %}

{#-
    Block of a row of dim_facts, from 0 to 63. Facts with the same object share a block: PROBELESS and
    most answers follow the object, so such facts depend on each other.
-#}
{% macro object_block(facts="dim_facts") -%}
    floor({{ draw(facts ~ ".relation_id || ':' || " ~ facts ~ ".object_id") }} * 64)::integer
{%- endmacro %}
