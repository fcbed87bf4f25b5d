"""Marts: which models they are built from, dbt's models as assets, and the published file."""

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from dagster_dbt import DbtCliResource, dbt_assets
from dagster_dbt.errors import DagsterDbtCliRuntimeError
from packaging.version import Version

from dagster_project.dbt.lineage import Lineage
from dagster_project.dbt.project import (
    DBT_EXECUTABLE,
    dbt_environment,
    dbt_failures,
    dbt_variables,
)
from dagster_project.dbt.translator import Translator, primary_key
from dagster_project.defs.asset_specs import OWNERS, lake_key, lake_spec
from dagster_project.defs.preview import mart_figures
from dagster_project.paths import DBT_PROJECT
from dagster_project.runtime.workspace import Workspace
from dagster_project.study.licences import study_materials
from dagster_project.study.plan import Part, State
from ingestion.contract import LAKE
from ingestion.lake import fingerprint
from warehouse.publish import publish

LOG = logging.getLogger("factroots")

__all__ = ["dbt_resource", "marts_assets"]


@dg.multi_asset(
    name="looked_for_missing_models",
    specs=[
        lake_spec(
            "missing_models",
            group="lake_complete",
            code_version="1",
            deps=("predictions", "active_neurons", "occurrences", "label_tokens", "atlas_truth"),
        )
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "every_model_is_computed",
            asset=lake_key("missing_models"),
            description="Every model that the study names is in the warehouse.",
        )
    ],
)
def missing_models(workspace: dg.ResourceParam[Workspace]) -> Iterator[dg.MaterializeResult[None]]:
    """Find the models that are not computed whole, so that the marts are built without them.

    Raises:
        Failure: something else than a model is missing, or every model is.
    """
    plan, home = workspace.plan, workspace.home
    workspace.share(plan.parts())
    lacking = [
        part.label
        for part in plan.parts()
        if "model_id" not in part.partition
        and part.table != "models"
        and part.state(home.lake) is not State.DONE
    ]
    if lacking:
        raise dg.Failure(
            f"the lake lacks {len(lacking)} parts that every model needs, such as {lacking[0]}: "
            "nothing is built, and the last published file stays. Materialise them first.",
            allow_retries=False,
        )
    found = workspace.missing_models()
    said = "; ".join(model.told for model in found)
    if len(found) == len(plan.study.models) + len(plan.study.broken_models):
        raise dg.Failure(
            f"no model of the study is computed, so nothing is published ({said})",
            allow_retries=False,
        )
    if found:
        LOG.warning("published without %d of the models: %s", len(found), said)
    started = time.perf_counter()
    rows = [asdict(model) for model in found]
    part = Part("missing_models", {}, fingerprint(rows), "1")
    if part.state(home.lake) is not State.DONE:
        frame = pl.DataFrame(rows, schema=pl.Schema(LAKE["missing_models"].schema))
        workspace.write(part, frame, started)
    yield dg.MaterializeResult(
        asset_key=lake_key("missing_models"),
        metadata={"models": len(found), "why": said or "all models of the study are there"},
        check_results=[
            dg.AssetCheckResult(
                check_name="every_model_is_computed",
                passed=not found,
                severity=dg.AssetCheckSeverity.WARN,
                description=said or None,
            )
        ],
    )


class _InstalledDbt(DbtCliResource):
    """dbt of this environment, which need not be started to know its version."""

    @property
    def _cli_version(self) -> Version:
        return Version(metadata.version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> None:  # type: ignore[override]
        """None: it serves to ask the warehouse about columns while dbt builds it."""


def dbt_resource() -> DbtCliResource:
    """dbt's command line over this project's models."""
    return _InstalledDbt(
        project_dir=str(DBT_PROJECT),
        profiles_dir=str(DBT_PROJECT),
        dbt_executable=str(DBT_EXECUTABLE),
    )


def marts_assets(manifest_file: Path, lineage: Lineage) -> list[dg.AssetsDefinition]:
    """Assets of all dbt models, and of the published file.

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
        """Build and test all dbt models from the lake."""
        home = workspace.home
        variables = dbt_variables(workspace.study, home)
        shutil.rmtree(home.previews, ignore_errors=True)
        home.previews.mkdir(parents=True)
        os.environ.update(dbt_environment(home))
        results = home.build / "target" / "run_results.json"
        results.unlink(missing_ok=True)
        if not context.is_subset:
            # A killed run may have left a dbt behind that still writes to the old file.
            home.build_file.unlink(missing_ok=True)
            home.build_file.with_name(f"{home.build_file.name}.wal").unlink(missing_ok=True)
        invocation = dbt.cli(
            ["build", "--exclude-resource-type", "unit_test", "--vars", variables],
            context=context,
            target_path=home.build / "target",
        )
        started = time.perf_counter()
        try:
            for event in invocation.stream():
                yield _shown(event, manifest["nodes"], home.previews)
        except DagsterDbtCliRuntimeError as error:
            reason = dbt_failures(results) or str(error)
            raise dg.Failure(
                f"{reason}. The last published file is untouched.", allow_retries=False
            ) from error
        steps = len(json.loads(results.read_text(encoding="utf-8"))["results"])
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

    return [missing_models, marts, factroots_duckdb, report]


def _shown(event: Any, nodes: Mapping[str, Any], previews: Path) -> Any:
    """What dbt tells of a model that it built, with what can be shown of its rows."""
    if not isinstance(event, dg.Output):
        return event
    node = nodes[str(event.metadata["unique_id"].value)]
    plotted = node["config"]["meta"].get("plotted", {})
    figures = mart_figures(previews / f"{node['name']}.json", primary_key(node), plotted)
    return event.with_metadata({**figures, **event.metadata})
