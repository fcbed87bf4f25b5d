{#-
    A number between 0 and 1 that depends only on `key` (text). It is the same in every version of DuckDB
    and on every machine, unlike random() and hash().
-#}
{% macro draw(key) -%}
    (md5_number_lower('{{ var("bootstrap_seed", "factroots") }}:' || {{ key }}) / 18446744073709551616.0::double)
{%- endmacro %}

{#-
    A select of replicate_index and block_index with resample_count: how often a block of facts is
    drawn in a replicate of the bootstrap. The counts are Poisson with mean 1, independent of each
    other, which is the bootstrap's drawing with replacement for data of any size (Hanley & MacGibbon
    2006); they are the same for all pairs of languages.
-#}
{% macro bootstrap_weights(block_count) -%}
    select
        replicate_index,
        block_index,
        -- Quantiles of the Poisson distribution with mean 1. One draw in 100,000 is above 7.
        (
            {%- for bound in [0.3678794412, 0.7357588823, 0.9196986029, 0.9810118431, 0.9963401532, 0.9994058152, 0.9999167589] %}
            (draw >= {{ bound }})::integer{{ " +" if not loop.last }}
            {%- endfor %}
        ) as resample_count,
    from (
        select
            replicate_index,
            block_index,
            {{ draw("replicate_index || ':' || block_index") }} as draw,
        from range({{ var("bootstrap_count", 1000) }}) as replicates (replicate_index)
        cross join range({{ block_count }}) as blocks (block_index)
    ) as draws
{%- endmacro %}

{#-
    A select of `keys` and, for each of `measures`, of <measure>_count, the mean <measure>_score, its
    95 % interval <measure>_score_low and _high, and <measure>_block_count, the blocks in which it was
    observed. `blocks` has <measure>_count and <measure>_total per `keys` and block_index (0 to 63).
    The interval is a bootstrap over the blocks, null with fewer than smallest_sample of them.
    A replicate's sum is one inner product: all blocks lie in one array, as do their weights. Sums are
    ordered, so that the last digit does not depend on the number of threads.
-#}
{% macro bootstrap_blocks(blocks, keys, measures) -%}
    {%- set key_list = keys | join(", ") -%}
    {%- set block_count = 64 -%}
    with weights as (
        select
            replicate_index,
            list(resample_count::double order by block_index)::double[{{ block_count }}] as weight,
        from ({{ bootstrap_weights(block_count) }})
        group by all
    ),

    sums as (
        select
            {{ key_list }},
            {%- for measure in measures %}
            sum(blocks.{{ measure }}_count)::bigint as {{ measure }}_count,
            sum(blocks.{{ measure }}_total order by block_index)
                / nullif(sum(blocks.{{ measure }}_count), 0) as {{ measure }}_score,
            count(*) filter (where blocks.{{ measure }}_count > 0) as {{ measure }}_block_count,
            {%- for part in ["count", "total"] %}
            list(coalesce(blocks.{{ measure }}_{{ part }}, 0)::double order by block_index)
                ::double[{{ block_count }}] as {{ measure }}_{{ part }}s,
            {%- endfor %}
            {%- endfor %}
        from (select distinct {{ key_list }} from {{ blocks }})
        cross join range({{ block_count }}) as block (block_index)
        left join {{ blocks }} as blocks using ({{ key_list }}, block_index)
        group by {{ key_list }}
    ),

    replicates as (
        select
            {{ key_list }},
            {%- for measure in measures %}
            quantile_cont(
                array_inner_product({{ measure }}_totals, weight)
                / nullif(array_inner_product({{ measure }}_counts, weight), 0),
                [0.025, 0.975]
            ) as {{ measure }}_bounds,
            {%- endfor %}
        from sums
        cross join weights
        group by {{ key_list }}
    )

    select
        {{ key_list }},
        {%- for measure in measures %}
        {{ measure }}_count,
        {{ measure }}_block_count,
        {{ measure }}_score,
        {%- for bound in ["low", "high"] %}
        case
            when {{ measure }}_block_count >= {{ var("smallest_sample", 5) }}
            then {{ measure }}_bounds[{{ loop.index }}]
        end as {{ measure }}_score_{{ bound }},
        {%- endfor %}
        {%- endfor %}
    from sums
    inner join replicates using ({{ key_list }})
{%- endmacro %}

{#-
    The same for `observations`, one row per observation with its `keys`, block_index and `measures`
    (null where not observed). Observations that depend on each other must share a block.
-#}
{% macro bootstrap_means(observations, keys, measures) -%}
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
    from ({{ bootstrap_blocks("observed_blocks", keys, measures) }})
{%- endmacro %}
