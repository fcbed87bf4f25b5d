"""The published assets: the DuckDB file that people open, and the report made from it."""

import logging
import time
from collections.abc import Mapping
from typing import Any

import dagster as dg

from dagster_project.defs.asset_specs import OWNERS, key_prefix
from dagster_project.defs.marts import build_state
from dagster_project.runtime.workspace import Workspace
from dagster_project.study.licences import study_materials
from warehouse.publish import publish

__all__ = ["published_assets"]

LOG = logging.getLogger("factroots")


def published_assets(
    marts: dg.AssetsDefinition, manifest: Mapping[str, Any]
) -> list[dg.AssetsDefinition]:
    """Makes the assets that are computed from the marts.

    Args:
        marts: the marts.
        manifest: dbt's manifest, which lists the models and tests of the marts.
    """

    @dg.asset(
        key_prefix=list(key_prefix()) or None,
        description="The DuckDB file that people open. It is replaced as a whole once every check "
        "has passed, so that no reader sees a lock or half a table.",
        group_name="published",
        kinds={"duckdb"},
        owners=OWNERS,
        deps=[marts],
    )
    def factroots_duckdb(workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult[None]:
        home = workspace.home
        unfinished = build_state(manifest, workspace).unfinished()
        if unfinished:
            raise dg.Failure(
                f"build the marts first: {len(unfinished)} models and tests are not up to date "
                f"with the lake, such as {unfinished[0]}. The last published file is untouched.",
                allow_retries=False,
            )
        size = publish(
            home.build_file,
            home.published_file,
            workspace.fingerprint,
            study_materials(workspace.study),
            workspace.options,
        )
        return dg.MaterializeResult(
            metadata={"path": dg.MetadataValue.path(home.published_file), "bytes": size}
        )

    @dg.asset(
        key_prefix=list(key_prefix()) or None,
        description="One HTML file made from the published file alone: figures with their rows "
        "and queries, and every fact that a model knows.",
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

    return [factroots_duckdb, report]
