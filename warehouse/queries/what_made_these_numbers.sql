-- Which models, facts and code made the numbers in this file, and how many rows of each are there?
-- Two studies whose answers differ differ here first; times are in operations.partition_runs.
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
