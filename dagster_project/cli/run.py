"""What ``factroots run`` does: materialise the assets of a study that are not up to date.

The stages follow the flow (``dagster_project.defs.stages``). An asset computes only the parts that
are missing or stale, so a stage that was cut short goes on where it stopped. Dagster is imported
only when something has to be done.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_project.dbt.project import prepare_manifest
from dagster_project.runtime.workers import Workers
from dagster_project.runtime.workspace import Workspace
from dagster_project.study.failures import failure_note
from dagster_project.study.plan import State
from ingestion.lake import prepare_lake, read_provenance

if TYPE_CHECKING:
    import dagster as dg
    from dagster_shared.error import SerializableErrorInfo

    from dagster_project.defs.stages import Stage
    from dagster_project.study.home import Home
    from dagster_project.study.plan import Part

__all__ = ["RunFailedError", "open_instance", "refresh"]

LOG = logging.getLogger("factroots")

_LITTLE_BYTES = 8 << 20
"""Free space below which a failed write means a full disk."""

_INSTANCE_SETTINGS = """\
telemetry:
  enabled: false
nux:
  enabled: false
python_logs:
  managed_python_loggers: [factroots]
# One run at a time: a run holds the study, and a GPU holds one model.
concurrency:
  runs:
    max_concurrent_runs: 1
# Four processes a step would copy what it prints into files; its log lines are events anyway.
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
event_log_storage:
  module: dagster_project.defs.event_log
  class: EventLog
  config:
    base_dir: %s
# A run whose process died is run again; one that failed waits for a change or for the schedule.
run_retries:
  enabled: true
  max_retries: 2
  retry_on_asset_or_op_failure: false
"""


class RunFailedError(RuntimeError):
    """A stage failed; what was finished before it is kept."""


def refresh(workspace: Workspace, workers: Workers) -> bool:
    """Compute what is missing or stale, build and test the marts, publish.

    A model that fails is left out of what is published, and the others are not.

    Args:
        workspace: the study and its home.
        workers: who does the work on models and corpora.

    Returns:
        False if everything was up to date and nothing was done.

    Raises:
        StudyError: the study cannot be run as it stands.
        HomeError: the home cannot be written, or another run is at work there.
        RunFailedError: a stage failed that others need; nothing was published.
        StoreError: the lake that machines share cannot be used.
        WorkersError: the cluster cannot be used.
        KeyboardInterrupt: a signal stopped it.
    """
    # First of all, so that everything that is wrong with the study is said at once.
    plan = workspace.plan
    home = workspace.home
    home.create()
    with _told_when_full(workspace), home.locked():
        prepare_lake(home.lake)
        parts = list(plan.parts())
        missing = workspace.exchange(parts)
        if not missing and workspace.is_published:
            return False
        reasons = Counter(_why(part, home) for part in missing)
        LOG.info(
            "%s: %d of %d parts of the lake to compute%s, the others are up to date",
            workspace.study.name,
            len(missing),
            len(parts),
            f" ({', '.join(f'{count} {why}' for why, count in reasons.items())})" * bool(missing),
        )
        _materialize(workspace, workers, missing)
    return True


def _why(part: Part, home: Home) -> str:
    """Why a part has to be computed, in one word."""
    state, is_there = part.state(home.lake), part.path(home.lake).exists()
    # Sound by its footer, or without a footer of ours: other bytes than were written.
    if state is State.DONE or (is_there and read_provenance(part.path(home.lake)) is None):
        return "damaged"
    return str(state)


def open_instance(workspace: Workspace) -> dg.DagsterInstance:
    """Dagster's storage of this study."""
    import dagster as dg

    folder = workspace.home.dagster
    settings = folder / "dagster.yaml"
    # A string of JSON is one of YAML, whatever the folder is called.
    wanted = _INSTANCE_SETTINGS % json.dumps(str(folder))
    if not settings.exists() or settings.read_text(encoding="utf-8") != wanted:
        settings.write_text(wanted, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(folder)
    return dg.DagsterInstance.get()


@contextlib.contextmanager
def _told_when_full(workspace: Workspace) -> Iterator[None]:
    """One sentence for a disk that is full, whoever met it."""
    try:
        yield
    except Exception as error:
        if _is_full(error, workspace.home.root):
            raise RunFailedError(
                f"the disk of {workspace.home.root} is full: free some space and run again; what "
                "was finished is kept"
            ) from error
        raise


def _is_full(error: Exception, folder: Path) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    # Dagster's storage is SQLite, which has words of its own, one of them for other causes too.
    if "disk I/O error" in str(error):
        return shutil.disk_usage(folder).free < _LITTLE_BYTES
    return "database or disk is full" in str(error)


def _materialize(workspace: Workspace, workers: Workers, missing: list[Part]) -> None:
    # dbt reads its project in a process of its own, while this one imports what takes seconds.
    with ThreadPoolExecutor(1) as beside:
        manifest = beside.submit(prepare_manifest, workspace.study, workspace.home)
        import dagster as dg

        import dagster_project.defs.checks.validation  # noqa: F401
        import warehouse.report.page  # noqa: F401
        from dagster_project.definitions import build_definitions

        if any("model_id" in part.partition for part in missing):
            import models_gpu.loading.load  # noqa: F401
        manifest.result()

    from dagster_project.defs.checks.assets import selection
    from dagster_project.defs.partitions import sync_partitions
    from dagster_project.defs.runs import bury_dead_runs
    from dagster_project.defs.stages import stages

    definitions = build_definitions(workspace, workers)
    assets = [asset for asset in definitions.assets or () if isinstance(asset, dg.AssetsDefinition)]
    dbt_log = workspace.home.build / "dbt.log"
    is_work = any({"model_id", "corpus_id"} & part.partition.keys() for part in missing)
    with (
        open_instance(workspace) as instance,
        workers.held() if is_work else contextlib.nullcontext(),
    ):
        bury_dead_runs(instance)
        languages = sync_partitions(instance, workspace.plan.study)
        for stage in stages(workspace, missing, assets, languages):
            if stage.job == "build_marts" and workspace.is_published:
                # Parts that were lost came back as they were: the warehouse is built from them.
                continue
            # dbt tells each step on standard output; a person wants the results.
            with dbt_log.open("a") as file, contextlib.redirect_stdout(file):
                result = dg.materialize(
                    [*assets, *(definitions.asset_checks or ())],
                    instance=instance,
                    resources=definitions.resources,
                    selection=selection(stage.job, stage.keys),
                    tags=stage.tags,
                    run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                    raise_on_error=False,
                )
            if _is_interrupted(result):
                raise KeyboardInterrupt
            if not result.success and not _is_told(workspace, stage):
                raise RunFailedError(_reason(result))


def _is_told(workspace: Workspace, stage: Stage) -> bool:
    """Whether a failure is one model's own and noted there, so that the others go on."""
    return stage.model_id is not None and failure_note(workspace.home, stage.model_id) is not None


def _is_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Whether a signal stopped the run; Dagster makes a failure of it."""
    failures = result.filter_events(lambda event: event.is_failure)
    return any(
        "DagsterExecutionInterruptedError" in str(event.event_specific_data) for event in failures
    )


def _reason(result: dg.ExecuteInProcessResult) -> str:
    """Why a run failed, in the words of the code that failed, not of Dagster around it."""
    reasons = []
    for event in result.filter_events(lambda event: event.is_step_failure):
        error = event.step_failure_data.error
        while error is not None and error.cause is not None and _is_dagsters(error):
            error = error.cause
        described = event.step_failure_data.user_failure_data
        text = described.description if described else None
        reasons.append(text or (_OWN_CLASS.sub("", error.message) if error else event.message))
    return "; ".join(str(reason).strip() for reason in reasons) or "the run failed without a reason"


_OWN_CLASS = re.compile(r"^(dagster_project|ingestion|models_gpu|warehouse)\.[\w.]+: ")
"""What Python puts before the message of an error of this project, which was written for people."""


def _is_dagsters(error: SerializableErrorInfo) -> bool:
    return (error.cls_name or "").startswith("Dagster")
