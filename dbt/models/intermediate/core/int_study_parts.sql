with
stg_lake__parts as (select * from {{ ref('stg_lake__parts') }}),
stg_lake__models as (select * from {{ ref('stg_lake__models') }}),
stg_lake__languages as (select * from {{ ref('stg_lake__languages') }}),

-- Languages and models that left the study keep their parts in the lake; they are left out here.
final as (
    select
        parts.*,
        coalesce(parts.model_id, 'study') as scope_code,
    from stg_lake__parts as parts
    left join stg_lake__models as models using (model_id)
    left join stg_lake__languages as languages using (language_code)
    where (parts.model_id is null or models.model_id is not null)
        and (parts.language_code is null or languages.language_code is not null)
)

select * from final
