"""``factroots run``: materialises the assets of a study that are not up to date.

The stages are those of ``dagster_project.defs.stages``. An asset computes only parts that are
missing or stale, so an interrupted stage continues where it stopped. Dagster is imported only when
there is work to do.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_project.cli.process import logged_to
from dagster_project.dbt.parse_ahead import ParsingAhead
from dagster_project.runtime.workers import Workers
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.plan import State
from dagster_project.study.failures import failure_note
from ingestion.errors import FactrootsError
from ingestion.lake import prepare_lake, read_provenance

if TYPE_CHECKING:
    import dagster as dg
    from dagster_shared.error import SerializableErrorInfo

    from dagster_project.defs.stages import Stage
    from dagster_project.steps.plan import Part
    from dagster_project.study.home import Home

__all__ = ["RunFailedError", "refresh"]

LOG = logging.getLogger("factroots")

_SHOWN_CHECKS = 3
_LITTLE_BYTES = 8 << 20
"""Free space below which a failed write means a full disk."""


class RunFailedError(FactrootsError):
    """A stage failed; what was finished before it is kept."""


def refresh(workspace: Workspace, workers: Workers) -> bool:
    """Computes what is missing or stale, builds and tests the marts, publishes.

    A model that fails is left out of the published file; the others are published.

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
    with ParsingAhead(lambda: (workspace.study, workspace.home)) as parsing:
        # First, so that all problems of the study are reported at once.
        plan = workspace.plan
        home = workspace.home
        home.create()
        with _disk_full_as_user_error(workspace), home.lock(), logged_to(home.log_file):
            prepare_lake(home.lake)
            parts = list(plan.parts())
            missing = workspace.exchange(parts)
            unfinished = workspace.unfinished_products
            if not missing and unfinished is None:
                return False
            _announce(workspace, missing, len(parts), unfinished)
            _materialize(workspace, workers, missing, parsing)
    return True


def _announce(
    workspace: Workspace, missing: list[Part], part_count: int, unfinished: str | None
) -> None:
    """Logs what there is to do, and why."""
    if not missing:
        LOG.info("%s: %s", workspace.study.name, unfinished)
    reasons = Counter(_why(part, workspace.home) for part in missing)
    LOG.info(
        "%s: %d of %d parts of the lake to compute%s, the others are up to date",
        workspace.study.name,
        len(missing),
        part_count,
        f" ({', '.join(f'{count} {why}' for why, count in reasons.items())})" * bool(missing),
    )


def _why(part: Part, home: Home) -> str:
    """Says in one word why a part has to be computed."""
    state, is_there = part.state(home.lake), part.path(home.lake).exists()
    # Its footer is right or is not ours: its bytes are not those that were written.
    if state is State.DONE or (is_there and read_provenance(part.path(home.lake)) is None):
        return "damaged"
    return str(state)


@contextlib.contextmanager
def _disk_full_as_user_error(workspace: Workspace) -> Iterator[None]:
    """Turns every error about a full disk into the same message."""
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
    # Dagster's storage is SQLite: one of its two messages has other causes as well.
    if "disk I/O error" in str(error):
        return shutil.disk_usage(folder).free < _LITTLE_BYTES
    return "database or disk is full" in str(error)


def _materialize(
    workspace: Workspace, workers: Workers, missing: list[Part], parsing: ParsingAhead
) -> None:
    # dbt parses its project in another process while this one imports slow packages.
    with ThreadPoolExecutor(1) as pool:
        manifest = pool.submit(parsing.finish)
        import dagster as dg

        import dagster_project.defs.checks.validation  # noqa: F401
        import warehouse.report.page  # noqa: F401
        from dagster_project.definitions import build_definitions

        if any("model_id" in part.partition for part in missing):
            import models_gpu.loading.load  # noqa: F401
        manifest.result()

    from dagster_project.defs.asset_specs import key_prefix
    from dagster_project.defs.checks.assets import selection
    from dagster_project.defs.instance import open_instance
    from dagster_project.defs.partitions import sync_partitions
    from dagster_project.defs.run_logs import prints_to_terminal
    from dagster_project.defs.runs import Owner, home_tags, mark_orphaned_runs_failed
    from dagster_project.defs.stages import stages
    from warehouse.report.library import bundling

    definitions = build_definitions(workspace, workers)
    assets = [asset for asset in definitions.assets or () if isinstance(asset, dg.AssetsDefinition)]
    keys = [key for asset in assets for key in asset.keys]
    dbt_log = workspace.home.build / "dbt.log"
    is_work = any({"model_id", "corpus_id"} & part.partition.keys() for part in missing)
    prints_to_terminal()
    with (
        open_instance(workspace.home) as instance,
        workers.held() if is_work else contextlib.nullcontext(),
        bundling(workspace.home.report),
    ):
        mark_orphaned_runs_failed(instance, Owner(workspace.home), is_held=True)
        languages = sync_partitions(instance, workspace.plan.study)
        for stage in stages(workspace, missing, keys, languages):
            chosen = selection(stage.job, stage.keys)
            if stage.job == "build_marts" and workspace.unpublished is None:
                # Lost parts were computed again with the same rows: the warehouse is current.
                if workspace.unfinished_products is None:
                    continue
                chosen = dg.AssetSelection.assets(dg.AssetKey([*key_prefix(), "report"]))
            # dbt prints each step on standard output, which is for results.
            with dbt_log.open("a") as file, contextlib.redirect_stdout(file):
                result = dg.materialize(
                    [*assets, *(definitions.asset_checks or ())],
                    instance=instance,
                    resources=definitions.resources,
                    selection=chosen,
                    tags={**stage.tags, **home_tags(workspace.home)},
                    run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                    raise_on_error=False,
                )
            if _is_interrupted(result):
                raise KeyboardInterrupt
            if not result.success and not _is_recorded(workspace, stage):
                raise RunFailedError(_reason(result, workspace.home.log_file))


def _is_recorded(workspace: Workspace, stage: Stage) -> bool:
    """Whether the failure of a stage is recorded as one model's, so that others go on."""
    return stage.model_id is not None and failure_note(workspace.home, stage.model_id) is not None


def _is_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Whether a signal stopped the run, which Dagster reports as a failure."""
    failures = result.filter_events(lambda event: event.is_failure)
    return any(
        "DagsterExecutionInterruptedError" in str(event.event_specific_data) for event in failures
    )


def _failed_checks(result: dg.ExecuteInProcessResult, log_file: Path) -> str:
    """Says which checks failed, and where to see more."""
    failed = [each for each in result.get_asset_check_evaluations() if not each.passed]
    names = [each.description or each.asset_check_key.to_user_string() for each in failed]
    more = [f"{len(names) - _SHOWN_CHECKS:,} others"] * (len(names) > _SHOWN_CHECKS)
    return (
        f"nothing is published, because rows break rules: "
        f"{'; '.join([*names[:_SHOWN_CHECKS], *more])}. See {log_file}, and the checks of these "
        "tables in factroots ui"
    )


def _reason(result: dg.ExecuteInProcessResult, log_file: Path) -> str:
    """Says why a run failed, in the words of the code that failed, without Dagster's around it."""
    reasons = []
    for event in result.filter_events(lambda event: event.is_step_failure):
        error = event.step_failure_data.error
        while error is not None and error.cause is not None and _is_dagsters(error):
            error = error.cause
        described = event.step_failure_data.user_failure_data
        text = described.description if described else None
        if error is not None and error.cls_name == "DagsterAssetCheckFailedError":
            text = _failed_checks(result, log_file)
        reasons.append(text or (_OWN_CLASS.sub("", error.message) if error else event.message))
    return "; ".join(str(reason).strip() for reason in reasons) or "the run failed without a reason"


_OWN_CLASS = re.compile(
    r"^(?:factroots\.)?(dagster_project|ingestion|models_gpu|warehouse)\.[\w.]+: "
)
"""The class name that Python puts before the message of an error of this project."""


def _is_dagsters(error: SerializableErrorInfo) -> bool:
    return (error.cls_name or "").startswith("Dagster")
