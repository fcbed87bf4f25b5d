"""dbt as the orchestrator sees it: the project, how Dagster shows it, and files written for it."""
