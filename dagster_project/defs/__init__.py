"""Dagster's definitions: assets, asset checks, partitions, jobs, sensor and schedule."""
