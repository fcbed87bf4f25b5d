{{ config(schema='operations') }}

with
int_study_parts as (select * from {{ ref('int_study_parts') }}),

final as (
    select
        lake_table,
        string_split(part_name, '/')[1] as owner_id,
        details ->> 'imported_file' as source_file,
        details ->> 'imported_sha256' as content_hash,
        any_value(details ->> 'imported_from') as maker_note,
        max(created_at) as created_at,
        count(*) as language_count,
        sum(row_count)::bigint as row_count,
        max((details ->> 'imported_rejected')::bigint) as rejected_count,
    from int_study_parts
    where details ->> 'imported_file' is not null
        -- The other tables of a step are empty.
        and lake_table in ('predictions', 'active_neurons', 'knowledge_neurons', 'occurrences')
    group by all
    order by lake_table, owner_id
)

select * from final
