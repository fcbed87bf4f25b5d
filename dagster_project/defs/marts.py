"""The marts: dbt's models and tests as one multi-asset, with previews of their rows."""

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets
from dagster_dbt.errors import DagsterDbtCliRuntimeError

from dagster_project.dbt.lineage import Lineage
from dagster_project.dbt.project import dbt_environment, dbt_failures, dbt_variables
from dagster_project.defs.preview import mart_figures
from dagster_project.defs.translator import Translator, primary_key
from dagster_project.runtime.workspace import Workspace
from dagster_project.study.home import Home

__all__ = ["marts_asset"]

LOG = logging.getLogger("factroots")


def marts_asset(manifest_file: Path, lineage: Lineage) -> dg.AssetsDefinition:
    """Makes one multi-asset of all dbt models.

    Args:
        manifest_file: dbt's manifest of this project.
        lineage: what the models' columns are computed from, to be shown; may be empty.
    """
    manifest = json.loads(manifest_file.read_text(encoding="utf-8"))

    @dbt_assets(
        manifest=manifest,
        name="marts",
        dagster_dbt_translator=Translator(manifest, lineage),
    )
    def marts(
        context: dg.AssetExecutionContext,
        dbt: DbtCliResource,
        workspace: dg.ResourceParam[Workspace],
    ) -> Iterator[Any]:
        """Builds and tests all dbt models from the lake."""
        home = workspace.home
        _prepare_build(home, is_whole=not context.is_subset)
        variables = dbt_variables(workspace.study, home)
        invocation = dbt.cli(
            ["build", "--exclude-resource-type", "unit_test", "--vars", variables],
            context=context,
            target_path=home.build / "target",
        )
        started = time.perf_counter()
        try:
            for event in invocation.stream():
                yield _with_preview(event, manifest["nodes"], home.previews)
        except DagsterDbtCliRuntimeError as error:
            reason = dbt_failures(_run_results(home)) or str(error)
            raise dg.Failure(
                f"{reason}. The last published file is untouched.", allow_retries=False
            ) from error
        steps = len(json.loads(_run_results(home).read_text(encoding="utf-8"))["results"])
        seconds = time.perf_counter() - started
        LOG.info("marts: %d models built or tests passed, %.1f s", steps, seconds)

    return marts


def _prepare_build(home: Home, *, is_whole: bool) -> None:
    """Removes what the last build left, and sets dbt's environment."""
    shutil.rmtree(home.previews, ignore_errors=True)
    home.previews.mkdir(parents=True)
    os.environ.update(dbt_environment(home))
    _run_results(home).unlink(missing_ok=True)
    if is_whole:
        # A killed run may have left a dbt process behind that still writes to the old file.
        home.build_file.unlink(missing_ok=True)
        home.build_file.with_name(f"{home.build_file.name}.wal").unlink(missing_ok=True)


def _run_results(home: Home) -> Path:
    return home.build / "target" / "run_results.json"


def _with_preview(event: Any, nodes: Mapping[str, Any], previews: Path) -> Any:
    """Adds the first rows of a model to dbt's event about it."""
    if not isinstance(event, dg.Output):
        return event
    node = nodes[str(event.metadata["unique_id"].value)]
    plotted = node["config"]["meta"].get("plotted", {})
    figures = mart_figures(previews / f"{node['name']}.json", primary_key(node), plotted)
    return event.with_metadata({**figures, **event.metadata})
