"""Orphaned runs: runs in Dagster's storage whose process is gone.

A killed process cannot record that its run ended. Such runs are found here and marked as failed, so
that they neither fill the queue nor show as running for ever. Only runs of one study are looked at:
the instance may hold those of other people.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from dagster_project.defs.asset_specs import key_prefix
from dagster_project.study.home import Home
from ingestion.lake import fingerprint

__all__ = ["Owner", "are_runs_at_work", "home_tags", "mark_orphaned_runs_failed"]

_HOME_TAG = "factroots/home"
_JOBS = ("read_inputs", "run_model", "search_corpus", "build_marts", "verify_lake")

_AT_WORK = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_STARTUP_SECONDS = {dg.DagsterRunStatus.STARTING: 300.0, dg.DagsterRunStatus.STARTED: 15.0}
"""Longest time that a launched run may take before it holds the study, by status."""
_RETRY_SECONDS = 300.0
"""Dagster runs a killed run again within this time, or never."""
_HANDOVER_SECONDS = 2.0
"""A run that waits for the study's lock has it within this time."""


@dataclass(frozen=True)
class Owner:
    """Whose runs are looked at: those of one study, in one code location."""

    home: Home
    """The study's home; jobs and the command line mark their runs with it."""
    location: tuple[str, str] | None = None
    """Code location and repository, whose runs of single assets have no mark; None: no location."""
    keys: frozenset[dg.AssetKey] = frozenset()
    """The study's assets in that location, which may have other people's as well."""

    def owns(self, run: dg.DagsterRun) -> bool:
        """Whether a run is one of this study."""
        if run.tags.get(_HOME_TAG) is not None:
            return run.tags.items() >= home_tags(self.home).items()
        if self.location is None or _location(run) != self.location:
            return False
        if run.job_name in _JOBS:
            return True
        # Single assets, by the buttons of Dagster's pages.
        chosen = run.asset_selection
        return bool(chosen) and frozenset(chosen or ()) <= self.keys


def home_tags(home: Home) -> dict[str, str]:
    """Tags of a run that works in this home."""
    return {_HOME_TAG: fingerprint(str(home.root), key_prefix())}


def _location(run: dg.DagsterRun) -> tuple[str, str] | None:
    """Code location and repository that a run was launched from; None for the command line's."""
    origin = run.remote_job_origin
    if origin is None:
        return None
    repository = origin.repository_origin
    return repository.code_location_origin.location_name, repository.repository_name


def _at_work(
    instance: dg.DagsterInstance, owner: Owner, statuses: Sequence[dg.DagsterRunStatus]
) -> list[dg.RunRecord]:
    found = instance.get_run_records(dg.RunsFilter(statuses=list(statuses)))
    return [record for record in found if owner.owns(record.dagster_run)]


def mark_orphaned_runs_failed(
    instance: dg.DagsterInstance, owner: Owner, *, is_held: bool = False
) -> None:
    """Marks runs of a study as failed whose process is gone.

    Args:
        instance: Dagster's storage, which may hold runs of others.
        owner: whose runs are looked at.
        is_held: whether this process holds the study: then runs of another command line have
            ended, because it held the study as long as it lived, and launched runs may be waiting.
    """
    home = owner.home
    records = _at_work(instance, owner, _AT_WORK)
    if not records:
        return
    if not is_held:
        if not home.is_free():
            return
        time.sleep(_HANDOVER_SECONDS)
        if not home.is_free():
            return
    for record in records:
        run = record.dagster_run
        is_launched = _location(run) is not None
        age = time.time() - record.update_timestamp.timestamp()
        if is_launched and (is_held or age < _STARTUP_SECONDS.get(run.status, 0.0)):
            continue
        current = instance.get_run_by_id(run.run_id)
        if current is not None and not current.is_finished:
            instance.report_run_failed(
                current,
                "The process of this run is gone: killed, or its machine was. What it "
                "finished is kept.",
            )


def are_runs_at_work(instance: dg.DagsterInstance, owner: Owner) -> bool:
    """Whether a run of a study waits or works, or was killed and is about to be run again."""
    waiting = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED]
    if _at_work(instance, owner, [*waiting, *_AT_WORK]):
        return True
    since = datetime.now(UTC) - timedelta(seconds=_RETRY_SECONDS)
    killed = instance.get_run_records(
        dg.RunsFilter(tags={"dagster/will_retry": "true"}, updated_after=since)
    )
    return any(
        owner.owns(record.dagster_run)
        and _location(record.dagster_run) is not None
        and "dagster/auto_retry_run_id" not in record.dagster_run.tags
        for record in killed
    )
