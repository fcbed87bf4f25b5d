"""Everything that needs torch: loading, prompting, forward passes, methods; no Dagster, no SQL."""
