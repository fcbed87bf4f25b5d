{{ config(schema='operations') }}

with
fact_tables (table_name, key_columns) as (
    values
    {%- for table, key in fact_keys().items() %}
    ('{{ table }}', {{ key }}::varchar[]){{ "," if not loop.last }}
    {%- endfor %}
),

final as (
    select * from fact_tables
    order by table_name
)

select * from final
