-- A language or model that left the study keeps its parts, but they are not part of it any more.
with final as (
    select
        parts.*,
        coalesce(parts.model_id, 'study') as scope_code,
    from {{ ref('stg_lake__parts') }} as parts
    left join {{ ref('stg_lake__models') }} as models using (model_id)
    left join {{ ref('stg_lake__languages') }} as languages using (language_code)
    where (parts.model_id is null or models.model_id is not null)
        and (parts.language_code is null or languages.language_code is not null)
)

select * from final
