{#-
    A number between 0 and 1 that follows from `key` (text) alone: the same in every version of
    DuckDB and on every machine, unlike random() and hash().
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
        -- The quantiles of the Poisson distribution with mean 1; above 7 lies one draw in 100,000.
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
