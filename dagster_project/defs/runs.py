"""Orphaned runs: runs in Dagster's storage whose process is gone.

A killed process cannot record that its run ended. Such runs are found here and marked as failed, so
that they neither fill the queue nor show as running for ever.
"""

from __future__ import annotations

import time

import dagster as dg

from dagster_project.study.home import Home

__all__ = ["are_runs_at_work", "mark_orphaned_runs_failed"]

_AT_WORK = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_LAUNCHED_TAG = ".dagster/grpc_info"
"""Dagster's tag of runs that it launched in a process of their own."""
_STARTUP_SECONDS = {dg.DagsterRunStatus.STARTING: 300.0, dg.DagsterRunStatus.STARTED: 15.0}
"""Longest time that a launched run may take before it holds the study, by status."""
_RETRY_SECONDS = 300.0
"""Dagster runs a killed run again within this time, or never."""
_HANDOVER_SECONDS = 2.0
"""A run that waits for the study's lock has it within this time."""


def mark_orphaned_runs_failed(instance: dg.DagsterInstance, home: Home | None = None) -> None:
    """Marks runs as failed whose process is gone.

    Args:
        instance: Dagster's storage of one study.
        home: the study's home, to look for runs that Dagster launched. None means that this
            process holds the study: then runs of another command line have ended, because it held
            the study as long as it lived, and launched runs may be waiting.
    """
    filters = dg.RunsFilter(statuses=_AT_WORK)
    records = instance.get_run_records(filters)
    if not records:
        return
    if home is not None:
        if not home.is_free():
            return
        time.sleep(_HANDOVER_SECONDS)
        if not home.is_free():
            return
    for record in records:
        run = record.dagster_run
        is_launched = _LAUNCHED_TAG in run.tags
        age = time.time() - record.update_timestamp.timestamp()
        if is_launched and (home is None or age < _STARTUP_SECONDS.get(run.status, 0.0)):
            continue
        current = instance.get_run_by_id(run.run_id)
        if current is not None and not current.is_finished:
            instance.report_run_failed(
                current,
                "The process of this run is gone: killed, or its machine was. What it "
                "finished is kept.",
            )


def are_runs_at_work(instance: dg.DagsterInstance) -> bool:
    """Whether a run is queued, starting or running, or was killed and is about to be run again."""
    waiting = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED]
    if instance.get_runs(dg.RunsFilter(statuses=[*waiting, *_AT_WORK]), limit=1):
        return True
    killed = instance.get_run_records(dg.RunsFilter(tags={"dagster/will_retry": "true"}), limit=20)
    return any(
        _LAUNCHED_TAG in record.dagster_run.tags
        and "dagster/auto_retry_run_id" not in record.dagster_run.tags
        and time.time() - record.update_timestamp.timestamp() < _RETRY_SECONDS
        for record in killed
    )
