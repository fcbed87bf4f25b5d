"""Everything that Dagster knows of a study; nothing happens at import.

Dagster loads ``definitions`` (``dagster dev -m dagster_project.definitions``, ``dg list defs``). It
reads the options of ``factroots ui`` from the environment: FACTROOTS_STUDY, FACTROOTS_HOME,
FACTROOTS_RESTRICT, FACTROOTS_LAKE and FACTROOTS_RAY; as one code location among others also
FACTROOTS_KEY_PREFIX (docs/operations.md#in-a-dagster-that-you-have), which
``factroots.definitions`` sets for a file that Dagster loads. What the definitions are
belongs in ``dagster_project.defs``.
"""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from dagster_project.dbt.lineage import kept_lineage
from dagster_project.dbt.project import prepare_manifest
from dagster_project.defs.assets import lake_assets
from dagster_project.defs.checks.assets import lake_checks
from dagster_project.defs.dbt_resource import dbt_resource
from dagster_project.defs.jobs import study_jobs, verify_lake
from dagster_project.defs.marts import marts_asset
from dagster_project.defs.missing_models import missing_models
from dagster_project.defs.partitions import study_partitions
from dagster_project.defs.published import published_assets
from dagster_project.defs.schedules import study_schedules
from dagster_project.defs.sensors import study_sensor
from dagster_project.runtime.connect import workers_at
from dagster_project.runtime.workers import Workers
from dagster_project.runtime.workspace import Workspace
from dagster_project.study.home import homes_folder
from ingestion.lake import prepare_lake

__all__ = ["build_definitions", "definitions", "study_definitions"]

LOG = logging.getLogger("factroots")


def build_definitions(
    workspace: Workspace, workers: Workers, *, with_lineage: bool = False
) -> dg.Definitions:
    """Builds all assets, checks, jobs, sensors, schedules and resources of one study.

    Args:
        workspace: the study and its home.
        workers: who does the work on models and corpora.
        with_lineage: whether the marts' columns say what they are computed from, for people.

    Raises:
        StudyError: the study file is malformed.
    """
    manifest = prepare_manifest(workspace.study, workspace.home)
    lineage = kept_lineage(workspace.home, manifest) if with_lineage else {}
    marts = marts_asset(manifest, lineage)
    lake = lake_assets(study_partitions(workspace.study.name))
    assets = [*lake, missing_models, marts, *published_assets(marts, manifest)]
    keys = [key for each in assets for key in each.keys]
    jobs = study_jobs(assets, workspace.home)
    return dg.Definitions(
        assets=assets,
        jobs=[*jobs, verify_lake],
        asset_checks=[lake_checks],
        resources={
            "workspace": _locked(workspace),
            "workers": workers,
            "dbt": dbt_resource(),
        },
        sensors=[study_sensor(workspace, jobs, keys)],
        schedules=study_schedules(workspace),
        # A run locks its study, so its steps share one process; and each takes seconds to import.
        executor=dg.in_process_executor,
    )


def _locked(workspace: Workspace) -> dg.ResourceDefinition:
    """The workspace, locked while the run lasts: no second run works on the study meanwhile."""

    @dg.resource
    def resource(_context: dg.InitResourceContext) -> Iterator[Workspace]:
        workspace.home.create()
        with workspace.home.lock(blocking=True, on_wait=LOG.info):
            prepare_lake(workspace.home.lake)
            yield workspace

    return resource


def study_definitions() -> dg.Definitions:
    """Everything of the study that the environment names.

    Raises:
        StudyError: the study file is malformed.
    """
    study = os.environ.get("FACTROOTS_STUDY", "atlas")
    logging.getLogger("factroots").setLevel(logging.INFO)
    restrict = os.environ.get("FACTROOTS_RESTRICT")
    workspace = Workspace(
        study,
        homes_folder(),
        keep_going=True,
        restrict=Path(restrict) if restrict else None,
        lake=os.environ.get("FACTROOTS_LAKE"),
    )
    workers = workers_at(os.environ.get("FACTROOTS_RAY"))
    return build_definitions(workspace, workers, with_lineage=True)


@dg.definitions
def definitions() -> dg.Definitions:
    """The study that the environment names."""
    return study_definitions()
