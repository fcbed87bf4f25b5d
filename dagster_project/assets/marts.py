"""Marts: dbt's models as assets, and the published file that people open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from dagster_project.assets.common import OWNERS, workspace_of
from dagster_project.dbt_project import DBT_PROJECT, dbt_environment, dbt_variables
from warehouse.publish import publish

__all__ = ["dbt_resource", "marts_assets"]


def dbt_resource() -> DbtCliResource:
    """dbt's command line over this project's models."""
    return DbtCliResource(project_dir=str(DBT_PROJECT), profiles_dir=str(DBT_PROJECT))


def marts_assets(manifest: Path) -> list[dg.AssetsDefinition]:
    """Assets of all dbt models, and of the published file.

    Args:
        manifest: dbt's manifest of this project.
    """

    @dbt_assets(
        manifest=manifest,
        name="marts",
        required_resource_keys={"workspace"},
    )
    def marts(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
        """Build and test all dbt models from the lake."""
        workspace = workspace_of(context)
        variables = dbt_variables(workspace.study.name, workspace.home)
        os.environ.update(dbt_environment(workspace.home))
        invocation = dbt.cli(
            ["build", "--vars", variables],
            context=context,
            target_path=workspace.home.build / "target",
        )
        yield from invocation.stream()

    @dg.asset(
        name="factroots_duckdb",
        description="The DuckDB file that people open: replaced as a whole when every check is "
        "green, so that no reader sees a lock or half a table.",
        group_name="published",
        kinds={"duckdb"},
        owners=OWNERS,
        deps=[marts],
        required_resource_keys={"workspace"},
    )
    def factroots_duckdb(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        workspace = workspace_of(context)
        home = workspace.home
        size = publish(home.build_file, home.published_file, workspace.identity)
        return dg.MaterializeResult(
            metadata={"path": dg.MetadataValue.path(home.published_file), "bytes": size}
        )

    return [marts, factroots_duckdb]
