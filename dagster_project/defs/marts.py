"""The marts: dbt's models and tests as one multi-asset, with previews of their rows."""

import contextlib
import json
import logging
import os
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets
from dagster_dbt.errors import DagsterDbtCliRuntimeError

from dagster_project.dbt.build_state import BuildState
from dagster_project.dbt.lineage import Lineage
from dagster_project.dbt.project import dbt_environment, dbt_failures, dbt_variables
from dagster_project.defs.preview import mart_figures
from dagster_project.defs.translator import Translator, primary_key
from dagster_project.runtime.marts_input import LakeIncompleteError
from dagster_project.runtime.workspace import Workspace
from dagster_project.study.home import Home

__all__ = ["build_state", "marts_asset"]

LOG = logging.getLogger("factroots")


def marts_asset(manifest: Mapping[str, Any], lineage: Lineage) -> dg.AssetsDefinition:
    """Makes one multi-asset of all dbt models.

    Args:
        manifest: dbt's manifest of this project.
        lineage: what the models' columns are computed from, to be shown; may be empty.
    """
    translator = Translator(manifest, lineage)

    @dbt_assets(manifest=manifest, name="marts", dagster_dbt_translator=translator)
    def marts(
        context: dg.AssetExecutionContext,
        dbt: DbtCliResource,
        workspace: dg.ResourceParam[Workspace],
    ) -> Iterator[Any]:
        """Builds and tests the chosen dbt models from the lake.

        Models that the chosen ones read are built as well, where they are not up to date.
        """
        home = workspace.home
        state = build_state(manifest, workspace)
        chosen = _chosen(state, translator, context)
        if chosen is not None and not chosen:
            # Dagster asks for some tests in a step of their own, also before their models are due.
            LOG.info("marts: nothing to build or to test yet")
            return
        try:
            workspace.prepare_marts(state.tables(state.wanted if chosen is None else chosen))
        except LakeIncompleteError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        # Until dbt is done, these are not up to date.
        state.forget(chosen)
        _prepare_previews(home)
        arguments = ["build", "--exclude-resource-type", "unit_test", *_selection(state, chosen)]
        with _environment(dbt_environment(home)):
            invocation = dbt.cli(
                [*arguments, "--vars", dbt_variables(workspace.study, home)],
                manifest=manifest,
                dagster_dbt_translator=translator,
                target_path=home.dbt_target,
            )
        # With the context from the start, dagster-dbt would replace this selection by its own.
        invocation.context = context
        started = time.perf_counter()
        try:
            for event in invocation.stream():
                yield from _events(context, event, manifest["nodes"], home.previews)
        except DagsterDbtCliRuntimeError as error:
            reason = dbt_failures(_run_results(home)) or str(error)
            raise dg.Failure(
                f"{reason}. The last published file is untouched.", allow_retries=False
            ) from error
        finally:
            state.record(_run_results(home))
        steps = len(json.loads(_run_results(home).read_text(encoding="utf-8"))["results"])
        seconds = time.perf_counter() - started
        LOG.info("marts: %d tables and tests, %.1f s", steps, seconds)

    return marts


def build_state(manifest: Mapping[str, Any], workspace: Workspace) -> BuildState:
    """State of the study's build file, compared with its lake as it is now."""
    home = workspace.home
    variables, parts = dbt_variables(workspace.study, home), workspace.parts_of_marts()
    return BuildState.of(manifest["nodes"], home.build_file, variables, parts)


def _chosen(
    state: BuildState, translator: Translator, context: dg.AssetExecutionContext
) -> set[str] | None:
    """The chosen models, what they lack, the tests of both and chosen tests; None if it is all."""
    keys, checks = context.selected_asset_keys, context.selected_asset_check_keys
    by_key = {
        translator.get_asset_key(node): name
        for name, node in state.nodes.items()
        if node["resource_type"] in ("model", "seed")
    }
    if set(by_key) <= set(keys):
        return None
    built = state.to_build([by_key[key] for key in keys if key in by_key])
    return built | state.to_test(built, {check.name for check in checks})


def _selection(state: BuildState, chosen: Collection[str] | None) -> Sequence[str]:
    """Arguments for dbt that select these nodes and no others."""
    if chosen is None:
        return ()
    names = sorted(".".join(state.nodes[name]["fqn"]) for name in chosen)
    return ("--select", " ".join(names), "--indirect-selection", "empty")


def _prepare_previews(home: Home) -> None:
    """Removes what the last build left."""
    shutil.rmtree(home.previews, ignore_errors=True)
    home.previews.mkdir(parents=True)
    _run_results(home).unlink(missing_ok=True)


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets variables for a process that starts in the block; later ones get none of this home."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]


def _run_results(home: Home) -> Path:
    return home.dbt_target / "run_results.json"


def _events(
    context: dg.AssetExecutionContext, event: Any, nodes: Mapping[str, Any], previews: Path
) -> Iterator[Any]:
    """Adds the first rows of a model to dbt's event about it.

    What was built without being chosen is recorded, but is no output of this run.
    """
    if not isinstance(event, dg.Output):
        yield event
        return
    node = nodes[str(event.metadata["unique_id"].value)]
    plotted = node["config"]["meta"].get("plotted", {})
    figures = mart_figures(previews / f"{node['name']}.json", primary_key(node), plotted)
    metadata = {**figures, **event.metadata}
    if event.output_name in context.op_execution_context.selected_output_names:
        yield event.with_metadata(metadata)
    else:
        key = context.assets_def.node_keys_by_output_name[event.output_name]
        context.log_event(dg.AssetMaterialization(key, metadata=metadata))
