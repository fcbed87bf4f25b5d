{{ config(schema='operations') }}

with
stg_lake__parts as (select * from {{ ref('stg_lake__parts') }}),

sizes as (
    select
        file_name,
        file_size_bytes,
    from parquet_file_metadata({{ lake_glob("**/*.parquet") }})
),

final as (
    select
        parts.lake_table,
        parts.part_name,
        parts.model_id,
        parts.language_code,
        parts.fingerprint,
        parts.code_version,
        parts.created_at,
        parts.duration_seconds,
        parts.row_count,
        parts.row_count / nullif(parts.duration_seconds, 0) as rows_per_second,
        sizes.file_size_bytes::bigint as part_bytes,
    from stg_lake__parts as parts
    inner join sizes using (file_name)
    order by lake_table, part_name
)

select * from final
