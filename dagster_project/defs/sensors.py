"""The sensor: brings a study up to date when its file, its inputs or the code change.

It asks for runs of the same stages that ``factroots run`` materialises
(``dagster_project.defs.stages``). Dagster queues them and runs one after another in that order.
After the schedule has verified the lake, the sensor also asks again for what failed.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dagster as dg

from dagster_project.dbt.project import dbt_fingerprint
from dagster_project.defs.partitions import sync_partitions
from dagster_project.defs.runs import (
    Owner,
    are_runs_at_work,
    home_tags,
    mark_orphaned_runs_failed,
)
from dagster_project.defs.stages import Stage, stages
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.plan import Part, State
from dagster_project.steps.registry import STEPS
from dagster_project.study.home import Home
from dagster_project.study.schema import Study
from ingestion.lake import fingerprint

__all__ = ["study_sensor"]

_SECONDS_BETWEEN_LOOKS = 20


def study_sensor(
    workspace: Workspace, jobs: Sequence[Any], keys: Sequence[dg.AssetKey]
) -> dg.SensorDefinition:
    """The sensor of one study; it runs with Dagster's daemon unless the study file forbids it.

    Args:
        workspace: the study.
        jobs: its jobs, one per kind of stage.
        keys: its assets; the code location may have others.
    """
    settings = workspace.study.refresh
    is_wanted = settings.watch or settings.schedule is not None

    @dg.sensor(
        name="study_changes",
        description="Looks at the study file and asks for runs of what a change left missing or "
        "stale: partitions of new and changed models, then the marts and the published file.",
        jobs=jobs,
        minimum_interval_seconds=_SECONDS_BETWEEN_LOOKS,
        default_status=dg.DefaultSensorStatus.RUNNING
        if is_wanted
        else dg.DefaultSensorStatus.STOPPED,
    )
    def study_changes(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        return _look(context, replace(workspace), keys)

    return study_changes


def _look(
    context: dg.SensorEvaluationContext, workspace: Workspace, keys: Sequence[dg.AssetKey]
) -> dg.SensorResult | dg.SkipReason:
    """Compares the study with its lake, unless a run is at work or nothing has changed."""
    workspace.check_restricted()
    home = workspace.home
    home.create()
    owner = _owner(context, workspace, keys)
    mark_orphaned_runs_failed(context.instance, owner)
    if are_runs_at_work(context.instance, owner):
        return dg.SkipReason("runs are queued or at work; the next look comes after them")
    if not home.is_free():
        return dg.SkipReason(f"process {home.holder()} is at work on this study")
    verified = _verified(workspace)
    cursor = fingerprint(verified, _watched(workspace.study))
    if context.cursor == cursor:
        return dg.SkipReason("the study file and its models are unchanged")
    missing = [part for part in workspace.plan.parts() if part.state(home.lake) is not State.DONE]
    requests = [
        request
        for request in _run_requests(home, _stages(context, workspace, missing, keys), verified)
        if not context.instance.get_runs(
            dg.RunsFilter(tags={"dagster/run_key": str(request.run_key)}), limit=1
        )
    ]
    # The marts come once nothing else is asked for: a run that was killed is run again first.
    before = [request for request in requests if request.job_name != "build_marts"]
    requests = before or ([] if workspace.unfinished_products is None else requests)
    if not requests:
        return dg.SensorResult(skip_reason=_nothing_to_do(workspace), cursor=cursor)
    return dg.SensorResult(run_requests=requests)


def _watched(study: Study) -> str:
    """Fingerprint of what the sensor watches: the study file, local inputs, the code's version.

    Inputs are compared by name, size and time, so that a look is cheap; the schedule reads them.
    """
    if not study.refresh.watch:
        return ""
    files = []
    sources = [
        name for each in study.models for name in (each.source, each.predictions, each.neurons)
    ]
    for source in filter(None, [*sources, study.facts.path]):
        path = study.locate(source)
        inside = sorted(path.iterdir()) if path.is_dir() else [path] if path.is_file() else []
        stats = [(file.name, file.stat()) for file in inside]
        files.append([(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats])
    text = study.path.read_text(encoding="utf-8")
    code_versions = {step.name: step.code_version for step in STEPS}
    return fingerprint(text, files, dbt_fingerprint(), code_versions)


def _verified(workspace: Workspace) -> str:
    """The run that verified the lake last."""
    path = workspace.home.verified
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _stages(
    context: dg.SensorEvaluationContext,
    workspace: Workspace,
    missing: Sequence[Part],
    keys: Sequence[dg.AssetKey],
) -> list[Stage]:
    languages = sync_partitions(context.instance, workspace.plan.study)
    return stages(workspace, missing, keys, languages)


def _owner(
    context: dg.SensorEvaluationContext, workspace: Workspace, keys: Sequence[dg.AssetKey]
) -> Owner:
    """The study, in the code location of this sensor."""
    name, origin = context.repository_name, context.code_location_origin
    location = None if name is None or origin is None else (origin.location_name, name)
    return Owner(workspace.home, location, frozenset(keys))


def _run_requests(home: Home, wanted: Sequence[Stage], verified: str) -> list[dg.RunRequest]:
    """One run per stage; priorities keep them in order in Dagster's queue.

    A stage that failed keeps its key, and is not asked for again before the lake is next verified.
    """
    return [
        dg.RunRequest(
            job_name=stage.job,
            # With the home: another study of the instance may ask for the same.
            run_key=fingerprint(stage.fingerprint, verified, home_tags(home)),
            # The whole job builds the marts, because then the lake's checks run as well.
            asset_selection=None if stage.job == "build_marts" else list(stage.keys),
            asset_check_keys=None if stage.job == "build_marts" else [],
            tags={
                **stage.tags,
                "factroots/stage": stage.name,
                "dagster/priority": str(len(wanted) - place),
                "dagster/retry_strategy": "ALL_STEPS",
            },
        )
        for place, stage in enumerate(wanted)
    ]


def _nothing_to_do(workspace: Workspace) -> str:
    if (unfinished := workspace.unfinished_products) is not None:
        return f"{unfinished}: tried again when the study changes, or by its schedule"
    missing = workspace.missing_models()
    if not missing:
        return "everything is up to date"
    reasons = "; ".join(model.message for model in missing)
    return f"published without {reasons}. Tried again when the study changes, or by its schedule."
