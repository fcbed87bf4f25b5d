"""The dbt project: how it is called, its column lineage, and files generated for it."""
