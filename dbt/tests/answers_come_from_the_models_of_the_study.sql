-- A part that another revision, tokenizer or arithmetic made is stale: it is named, never mixed in.
with final as (
    select
        parts.file_name,
        property.name as property,
        parts.details ->> property.name as found,
        property.expected,
    from {{ ref('stg_lake__parts') }} as parts
    inner join {{ ref('dim_models') }} as models using (model_id)
    semi join {{ ref('stg_lake__languages') }} as languages on parts.language_code = languages.language_code
    cross join lateral (
        values
            ('revision', models.revision),
            ('tokenizer_hash', models.tokenizer_hash),
            ('dtype', models.dtype)
    ) as property (name, expected)
    where parts.details ->> property.name != property.expected
)

select * from final
