{#- The lake table of this name is an asset already: two assets cannot share a key. -#}
{{ config(meta={
    'dagster': {
        'asset_key': ['marts', 'rejected_rows'],
        'group': 'marts',
        'owners': ['team:factroots'],
    },
}) }}

with final as (
    select
        language_code,
        source_file,
        line_number,
        reason,
        line_text,
    from {{ ref('stg_lake__rejected_rows') }}
    order by language_code, source_file, line_number
)

select * from final
