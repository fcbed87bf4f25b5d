"""The jobs: one per kind of stage, and one that verifies the lake."""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from dagster_project.defs.checks.assets import selection
from dagster_project.defs.runs import home_tags
from dagster_project.defs.stages import job_of
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.plan import State, unfinished
from dagster_project.study.home import Home

__all__ = ["study_jobs", "verify_lake"]

_DESCRIPTIONS = {
    "read_inputs": "Reads the facts and describes each model.",
    "run_model": "Computes everything that needs a model: answers, neurons, split labels.",
    "search_corpus": "Looks for every fact in a corpus.",
    "build_marts": "Lists missing models, builds and tests all dbt models, publishes the file.",
}


def study_jobs(assets: Iterable[dg.AssetsDefinition], home: Home) -> list[Any]:
    """Defines one job per kind of stage, because the assets of a job share their partitions.

    Args:
        assets: all assets of the study.
        home: its home, which the jobs' runs are marked with.
    """
    keys: dict[str, list[dg.AssetKey]] = {job: [] for job in _DESCRIPTIONS}
    for asset in assets:
        for key in asset.keys:
            keys[job_of(key)].append(key)
    return [
        dg.define_asset_job(
            job, selection(job, keys[job]), description=description, tags=home_tags(home)
        )
        for job, description in _DESCRIPTIONS.items()
    ]


@dg.op(out=dg.Out(dg.Nothing))
def verify_parts(context: dg.OpExecutionContext, workspace: dg.ResourceParam[Workspace]) -> None:
    """Verifies the checksum of every part and deletes damaged ones, so they are computed again.

    Afterwards the sensor asks for everything that is missing, also for what failed before.
    """
    lake = workspace.home.lake
    parts = [part for part in workspace.plan.parts() if part.path(lake).exists()]
    damaged = [part for part in unfinished(parts, lake) if part.state(lake) is State.DONE]
    for part in damaged:
        part.path(lake).unlink()
    context.add_output_metadata({"parts": len(parts), "damaged": [part.label for part in damaged]})
    workspace.home.verified.write_text(context.run_id, encoding="utf-8")


@dg.job(description="Verifies every part of the lake, then lets failed work be tried again.")
def verify_lake() -> None:
    """Verifies the lake of the study."""
    verify_parts()
