{%- set factors = {
    "distance": haversine("a", "b"),
    "family": "(a.language_family = b.language_family)::integer::double",
    "branch": "(a.language_branch = b.language_branch)::integer::double",
    "script": "(a.script = b.script)::integer::double",
} %}

with
dim_languages as (select * from {{ ref('dim_languages') }}),

language_numbers as (
    {{ numbered("dim_languages", "language_code", "language_number", "smallint") }}
),

-- Both orders of every two languages, because shuffling does not keep the order.
factors as (
    select
        a.language_number as number_a,
        b.language_number as number_b,
        {%- for name, factor in factors.items() %}
        {{ factor }} as {{ name }},
        {%- endfor %}
    from language_numbers as a
    inner join language_numbers as b on a.language_number != b.language_number
),

-- Permutation 0 changes nothing.
shuffles as (
    select
        permutation.permutation_index,
        language_number,
        language_code,
        row_number() over (
            partition by permutation.permutation_index
            order by
                case when permutation.permutation_index > 0
                    then {{ draw("permutation.permutation_index || ':' || language_code") }}
                end,
                language_number
        )::smallint as shuffled_number,
    from language_numbers
    cross join range({{ var("mantel_permutation_count", 999) + 1 }}) as permutation (permutation_index)
),

final as (
    select
        a.permutation_index,
        a.language_code as language_a,
        b.language_code as language_b,
        {%- for name in factors %}
        factors.{{ name }},
        {%- endfor %}
    from shuffles as a
    inner join shuffles as b
        on a.permutation_index = b.permutation_index
        and a.language_number < b.language_number
    inner join factors
        on a.shuffled_number = factors.number_a
        and b.shuffled_number = factors.number_b
)

select * from final
