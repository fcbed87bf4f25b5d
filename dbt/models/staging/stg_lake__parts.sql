with entries as (
    select
        file_name,
        decode(value)::json as provenance,
    from parquet_kv_metadata({{ lake_glob("**/*.parquet") }})
    where decode(key) = 'factroots.provenance'
),

final as (
    select
        provenance ->> 'table' as lake_table,
        regexp_replace(
            substr(file_name, length('{{ var("lake") | replace("'", "''") }}') + 2), '^[^/]+/|[.]parquet$', '', 'g'
        ) as part_name,
        provenance -> 'partition' ->> 'model_id' as model_id,
        provenance -> 'partition' ->> 'language_code' as language_code,
        provenance ->> 'fingerprint' as fingerprint,
        provenance ->> 'code_version' as code_version,
        (provenance ->> 'created_at')::timestamptz at time zone 'UTC' as created_at,
        (provenance ->> 'duration_seconds')::double as duration_seconds,
        (provenance ->> 'row_count')::bigint as row_count,
        provenance -> 'details' as details,
        file_name,
    from entries
)

select * from final
