"""All that needs torch: model adapters, loading, batching, probing; no Dagster, no SQL."""
