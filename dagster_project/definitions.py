"""Assembles everything that Dagster knows of a study; nothing happens at import.

Dagster loads ``definitions`` from here (``dagster dev -m dagster_project.definitions``); what the
options of ``factroots ui`` say is then taken from the environment: FACTROOTS_STUDY, FACTROOTS_HOME,
FACTROOTS_RESTRICT, FACTROOTS_LAKE and FACTROOTS_RAY.
"""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from dagster_project.dbt.lineage import Lineage, prepare_lineage
from dagster_project.dbt.project import prepare_manifest
from dagster_project.defs.checks.assets import lake_checks
from dagster_project.defs.marts import dbt_resource, marts_assets
from dagster_project.defs.sensors import study_jobs, study_schedules, study_sensor, verify_lake
from dagster_project.runtime.workers import Workers, workers_at
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.edits import degenerate_pairs, degenerate_sets, interventions
from dagster_project.steps.fact_checks import fact_checks
from dagster_project.steps.facts import atlas_truth, ingested_facts
from dagster_project.steps.knowledge_neurons import integrated_gradients
from dagster_project.steps.models import models, predictions
from dagster_project.steps.probeless import probeless_neurons
from dagster_project.steps.tracing import label_tokens, traced_corpora
from ingestion.lake import prepare_lake

__all__ = ["build_definitions", "definitions"]

LOG = logging.getLogger("factroots")


def build_definitions(
    workspace: Workspace, workers: Workers, lineage: Lineage | None = None
) -> dg.Definitions:
    """All assets, jobs and resources of one study.

    Args:
        workspace: the study and its home.
        workers: who does the work on models and corpora.
        lineage: what the marts' columns are computed from, where people see it.

    Raises:
        StudyError: the study file is malformed.
    """
    manifest = prepare_manifest(workspace.study, workspace.home)
    assets = [
        ingested_facts,
        atlas_truth,
        models,
        predictions,
        probeless_neurons,
        integrated_gradients,
        interventions,
        degenerate_pairs,
        degenerate_sets,
        fact_checks,
        traced_corpora,
        label_tokens,
        *marts_assets(manifest, lineage or {}),
    ]
    jobs = study_jobs(assets)
    return dg.Definitions(
        assets=assets,
        jobs=[*jobs, verify_lake],
        asset_checks=[lake_checks],
        resources={
            "workspace": _held(workspace),
            "workers": workers,
            "dbt": dbt_resource(),
        },
        sensors=[study_sensor(workspace, jobs)],
        schedules=study_schedules(workspace),
        # A run holds its study, so its steps share one process; and each takes seconds to import.
        executor=dg.in_process_executor,
    )


def _held(workspace: Workspace) -> dg.ResourceDefinition:
    """The workspace, as long as the run holds the study: no second run works on it meanwhile."""

    @dg.resource
    def resource(_context: dg.InitResourceContext) -> Iterator[Workspace]:
        workspace.home.create()
        with workspace.home.awaited(LOG.info):
            prepare_lake(workspace.home.lake)
            yield workspace

    return resource


@dg.definitions
def definitions() -> dg.Definitions:
    """The study that the environment names."""
    study = os.environ.get("FACTROOTS_STUDY", "atlas")
    homes = Path(os.environ.get("FACTROOTS_HOME", "warehouse"))
    logging.getLogger("factroots").setLevel(logging.INFO)
    restrict = os.environ.get("FACTROOTS_RESTRICT")
    workspace = Workspace(
        study,
        homes.resolve(),
        keep_going=True,
        restrict=Path(restrict) if restrict else None,
        lake=os.environ.get("FACTROOTS_LAKE"),
    )
    workers = workers_at(os.environ.get("FACTROOTS_RAY"))
    return build_definitions(workspace, workers, prepare_lineage(workspace.study, workspace.home))
