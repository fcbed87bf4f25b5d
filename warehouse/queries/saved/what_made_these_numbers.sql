-- Which models, facts and code made the numbers in this file, and how many rows of each are there?
-- Start here if two studies give different answers. Times are in operations.partition_runs.
-- columns: lake_table, scope_code, part_count, row_count, revision, dtype, tokenizer_hash,
--   code_version, facts_version, content_hash
-- rows: 1..*, one per lake_table, scope_code
select
    lake_table,
    scope_code,
    part_count,
    row_count,
    revision,
    dtype,
    tokenizer_hash,
    code_version,
    facts_version,
    content_hash,
from study_overview
order by lake_table, scope_code
