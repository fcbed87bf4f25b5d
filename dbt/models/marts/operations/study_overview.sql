with
int_study_parts as (select * from {{ ref('int_study_parts') }}),
stg_lake__models as (select * from {{ ref('stg_lake__models') }}),

contents as (
    select
        lake_table,
        scope_code,
        count(*) as part_count,
        sum(row_count)::bigint as row_count,
        string_agg(distinct code_version, ', ' order by code_version) as code_version,
        md5(string_agg(fingerprint, ',' order by part_name)) as content_hash,
    from int_study_parts
    group by all
),

facts as (
    select md5(string_agg(content_hash, ',' order by lake_table)) as facts_version
    from contents
    where lake_table in ('facts', 'fact_labels', 'prompts')
),

final as (
    select
        '{{ var("study_name") | replace("'", "''") }}' as study_name,
        contents.lake_table,
        contents.scope_code,
        contents.part_count,
        contents.row_count,
        models.revision,
        models.dtype,
        models.tokenizer_hash,
        contents.code_version,
        contents.content_hash,
        facts.facts_version,
    from contents
    cross join facts
    left join stg_lake__models as models on contents.scope_code = models.model_id
    order by lake_table, scope_code
)

select * from final
