with
stg_lake__corpus_sizes as (select * from {{ ref('stg_lake__corpus_sizes') }}),
stg_lake__languages as (select * from {{ ref('stg_lake__languages') }}),

final as (
    select sizes.*
    from stg_lake__corpus_sizes as sizes
    semi join stg_lake__languages using (language_code)
    order by sizes.corpus_id, sizes.language_code
)

select * from final
