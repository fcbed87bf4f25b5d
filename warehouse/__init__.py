"""The finished warehouse: publishing, reading and explaining it; knows the DuckDB file only."""
