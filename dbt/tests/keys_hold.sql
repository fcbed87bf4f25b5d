-- No row of a table of facts is there twice: each row comes after the one before it, by the key.
with
{%- for table, key in fact_keys().items() %}
steps_{{ loop.index }} as (
    select
        '{{ table }} is not in the order of its key, or has a row twice' as problem,
        ({{ key | join(", ") }})::varchar as identifier,
        ({{ key | join(", ") }}) <= lag(({{ key | join(", ") }})) over () as is_wrong,
    from {{ ref(table) }}
),
{%- endfor %}

final as (
    {%- for _ in fact_keys() %}
    select
        problem,
        identifier,
    from steps_{{ loop.index }}
    where is_wrong
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select * from final
