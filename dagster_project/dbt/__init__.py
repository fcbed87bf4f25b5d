"""The dbt project: how it is called, how Dagster shows it, and files generated for it."""
