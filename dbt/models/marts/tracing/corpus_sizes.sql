{#- The lake table of this name is an asset already: two assets cannot share a key. -#}
{{ config(meta={
    'dagster': {
        'asset_key': ['marts', 'corpus_sizes'],
        'group': 'marts',
        'owners': ['team:factroots'],
    },
}) }}

with final as (
    select sizes.*
    from {{ ref('stg_lake__corpus_sizes') }} as sizes
    semi join {{ ref('stg_lake__languages') }} as languages using (language_code)
    order by sizes.corpus_id, sizes.language_code
)

select * from final
