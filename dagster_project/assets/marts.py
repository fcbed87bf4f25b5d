"""Marts: dbt's models as assets, and the published file that people open."""

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from dagster_project.assets.common import OWNERS
from dagster_project.dbt_project import DBT_EXECUTABLE, DBT_PROJECT, dbt_environment, dbt_variables
from dagster_project.materials import study_materials
from dagster_project.workspace import Workspace
from warehouse.publish import publish

LOG = logging.getLogger("factroots")

__all__ = ["dbt_resource", "marts_assets"]


def dbt_resource() -> DbtCliResource:
    """dbt's command line over this project's models."""
    return DbtCliResource(
        project_dir=str(DBT_PROJECT),
        profiles_dir=str(DBT_PROJECT),
        dbt_executable=str(DBT_EXECUTABLE),
    )


def marts_assets(manifest: Path) -> list[dg.AssetsDefinition]:
    """Assets of all dbt models, and of the published file.

    Args:
        manifest: dbt's manifest of this project.
    """

    @dbt_assets(
        manifest=manifest,
        name="marts",
    )
    def marts(
        context: dg.AssetExecutionContext,
        dbt: DbtCliResource,
        workspace: dg.ResourceParam[Workspace],
    ) -> Iterator[Any]:
        """Build and test all dbt models from the lake."""
        variables = dbt_variables(workspace.study, workspace.home)
        os.environ.update(dbt_environment(workspace.home))
        invocation = dbt.cli(
            ["build", "--exclude-resource-type", "unit_test", "--vars", variables],
            context=context,
            target_path=workspace.home.build / "target",
        )
        started = time.perf_counter()
        yield from invocation.stream()
        steps = len(invocation.get_artifact("run_results.json")["results"])
        seconds = time.perf_counter() - started
        LOG.info("marts: %d models built or tests passed, %.1f s", steps, seconds)

    @dg.asset(
        name="factroots_duckdb",
        description="The DuckDB file that people open: replaced as a whole when every check is "
        "green, so that no reader sees a lock or half a table.",
        group_name="published",
        kinds={"duckdb"},
        owners=OWNERS,
        deps=[marts],
    )
    def factroots_duckdb(workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult[None]:
        home = workspace.home
        size = publish(
            home.build_file,
            home.published_file,
            workspace.identity,
            study_materials(workspace.study),
        )
        return dg.MaterializeResult(
            metadata={"path": dg.MetadataValue.path(home.published_file), "bytes": size}
        )

    @dg.asset(
        name="report",
        description="The report that people look at: figures with their rows and queries, and "
        "every fact that a model knows, in one HTML file made from the published file alone.",
        group_name="published",
        kinds={"altair"},
        owners=OWNERS,
        deps=[factroots_duckdb],
    )
    def report(workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult[None]:
        # The drawing library takes a second to import.
        from warehouse.report.page import write_report

        started = time.perf_counter()
        made = write_report(workspace.home.published_file, workspace.home.report)
        seconds = time.perf_counter() - started
        LOG.info("report: %d figures, %.1f s", made.figure_count, seconds)
        return dg.MaterializeResult(
            metadata={
                "page": dg.MetadataValue.url(made.path.as_uri()),
                "bytes": made.bytes,
                "figures": made.figure_count,
                "facts": made.fact_count,
            }
        )

    return [marts, factroots_duckdb, report]
