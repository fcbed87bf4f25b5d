{{ config(schema='operations') }}

with
int_study_parts as (select * from {{ ref('int_study_parts') }}),
partition_runs as (select * from {{ ref('partition_runs') }}),
study_overview as (select * from {{ ref('study_overview') }}),

-- Only parts that exist now; parts that a later run replaced leave no trace.
runs as (
    select
        parts.lake_table,
        parts.scope_code,
        count(*) as part_count,
        sum(parts.row_count)::bigint as row_count,
        sum(runs.part_bytes)::bigint as part_bytes,
        min(parts.created_at) as first_created_at,
        max(parts.created_at) as last_created_at,
        sum(parts.duration_seconds order by parts.part_name) as duration_seconds,
    from int_study_parts as parts
    inner join partition_runs as runs using (lake_table, part_name)
    group by all
),

final as (
    select
        overview.study_name,
        runs.lake_table,
        runs.scope_code,
        overview.revision,
        overview.code_version,
        runs.first_created_at,
        runs.last_created_at,
        runs.part_count,
        runs.row_count,
        runs.part_bytes,
        runs.duration_seconds,
        runs.row_count / nullif(runs.duration_seconds, 0) as rows_per_second,
    from runs
    inner join study_overview as overview using (lake_table, scope_code)
    order by lake_table, scope_code
)

select * from final
