"""When Dagster brings a study up to date by itself: at a change of its file, and by the clock.

The sensor asks for runs of the very stages that ``factroots run`` materialises
(``dagster_project.defs.stages``); Dagster queues them and runs one after another in that order. The
schedule verifies the lake and has the sensor ask again for what failed.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from dagster_project.dbt.project import dbt_version
from dagster_project.defs.checks.assets import selection
from dagster_project.defs.partitions import sync_partitions
from dagster_project.defs.runs import are_runs_at_work, bury_dead_runs
from dagster_project.defs.stages import Stage, job_of, stages
from dagster_project.runtime.workspace import Workspace
from dagster_project.study.plan import CODE_VERSIONS, Part, State, unfinished
from dagster_project.study.schema import Study
from ingestion.lake import fingerprint

__all__ = ["study_jobs", "study_schedules", "study_sensor", "verify_lake"]

LOG = logging.getLogger("factroots")
_SECONDS_BETWEEN_LOOKS = 20
_DESCRIPTIONS = {
    "read_inputs": "Facts, and what each model is.",
    "run_model": "All that is computed with a model: answers, neurons, its way to cut names.",
    "search_corpus": "The search for every fact in a corpus.",
    "build_marts": "Which models are there, all dbt models and tests, the published file.",
}


def study_jobs(assets: Iterable[dg.AssetsDefinition]) -> list[UnresolvedAssetJobDefinition]:
    """One job for each kind of stage, because the assets of a job share their partitions."""
    keys: dict[str, list[dg.AssetKey]] = {job: [] for job in _DESCRIPTIONS}
    for asset in assets:
        for key in asset.keys:
            keys[job_of(asset, key)].append(key)
    return [
        dg.define_asset_job(job, selection(job, keys[job]), description=description)
        for job, description in _DESCRIPTIONS.items()
    ]


def study_sensor(
    workspace: Workspace, jobs: Sequence[UnresolvedAssetJobDefinition]
) -> dg.SensorDefinition:
    """The sensor of one study; at work wherever Dagster's daemon is, unless the study says no."""
    settings = workspace.study.refresh
    is_wanted = settings.watch or settings.schedule is not None

    @dg.sensor(
        name="study_changes",
        description="Looks at the study file, and asks for runs of what its change left missing "
        "or stale: partitions of new and changed models, then the marts and the published file.",
        jobs=jobs,
        minimum_interval_seconds=_SECONDS_BETWEEN_LOOKS,
        default_status=dg.DefaultSensorStatus.RUNNING
        if is_wanted
        else dg.DefaultSensorStatus.STOPPED,
    )
    def study_changes(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        now = replace(workspace)
        now.home.create()
        bury_dead_runs(context.instance, now.home)
        if are_runs_at_work(context.instance):
            return dg.SkipReason("runs are queued or at work; the next look comes after them")
        if not now.home.is_free():
            return dg.SkipReason(f"process {now.home.holder()} is at work on this study")
        verified = _verified(now)
        signature = fingerprint(verified, _watched(now.study))
        if context.cursor == signature:
            return dg.SkipReason("the study file and its models are as they were")
        parts = now.plan.parts()
        missing = [part for part in parts if part.state(now.home.lake) is not State.DONE]
        requests = [
            request
            for request in _run_requests(_stages(context, now, missing), verified)
            if not context.instance.get_runs(
                dg.RunsFilter(tags={"dagster/run_key": str(request.run_key)}), limit=1
            )
        ]
        # The marts come once nothing else is asked for: a run that was killed is run again first.
        before = [request for request in requests if request.job_name != "build_marts"]
        requests = before or ([] if now.is_published else requests)
        if not requests:
            return dg.SensorResult(skip_reason=_nothing_to_do(now), cursor=signature)
        return dg.SensorResult(run_requests=requests)

    return study_changes


def study_schedules(workspace: Workspace) -> list[dg.ScheduleDefinition]:
    """The schedule of one study, if it has one."""
    settings = workspace.study.refresh
    if settings.schedule is None:
        return []
    return [
        dg.ScheduleDefinition(
            name="nightly",
            job=verify_lake,
            cron_schedule=settings.schedule,
            execution_timezone=settings.timezone,
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description="Verifies the lake; then all that is missing, stale, damaged or failed "
            "before is computed, and the warehouse published.",
        )
    ]


@dg.op(out=dg.Out(dg.Nothing))
def verify_parts(context: dg.OpExecutionContext, workspace: dg.ResourceParam[Workspace]) -> None:
    """Check the seal of every part, and take away those that are damaged, so that they are made
    anew; then have the sensor ask again, also for what failed."""
    lake = workspace.home.lake
    parts = [part for part in workspace.plan.parts() if part.path(lake).exists()]
    damaged = [part for part in unfinished(parts, lake) if part.state(lake) is State.DONE]
    for part in damaged:
        part.path(lake).unlink()
    context.add_output_metadata({"parts": len(parts), "damaged": [part.label for part in damaged]})
    workspace.home.verified.write_text(context.run_id, encoding="utf-8")


@dg.job(description="Checks the seal of every part of the lake, and asks again for what failed.")
def verify_lake() -> None:
    """Verify the lake of the study."""
    verify_parts()


def _watched(study: Study) -> str:
    """Digest of what the sensor watches: the study file, local inputs, the code's version.

    Inputs are told by name, size and time, so that a look costs nothing; ``nightly`` reads them.
    """
    if not study.refresh.watch:
        return ""
    files = []
    for source in [*(block.source for block in study.models), study.facts.path or ""]:
        path = study.locate(source)
        inside = sorted(path.iterdir()) if path.is_dir() else [path] if path.is_file() else []
        stats = [(file.name, file.stat()) for file in inside]
        files.append([(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats])
    text = study.path.read_text(encoding="utf-8")
    return fingerprint(text, files, dbt_version(), CODE_VERSIONS)


def _verified(workspace: Workspace) -> str:
    """The run that verified the lake last."""
    path = workspace.home.verified
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _stages(
    context: dg.SensorEvaluationContext, workspace: Workspace, missing: Sequence[Part]
) -> list[Stage]:
    languages = sync_partitions(context.instance, workspace.plan.study)
    repository = context.repository_def
    assert repository is not None, "Dagster's daemon gives it"
    assets = set(repository.assets_defs_by_key.values())
    return stages(workspace, missing, assets, languages)


def _run_requests(wanted: Sequence[Stage], verified: str) -> list[dg.RunRequest]:
    """One run a stage; priorities keep them in order in Dagster's queue.

    A stage that failed keeps its key, and is not asked for again before the lake is next verified.
    """
    return [
        dg.RunRequest(
            job_name=stage.job,
            run_key=fingerprint(stage.identity, verified),
            # All of the job where the marts are built: then the lake's checks are asked as well.
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
    missing = workspace.missing_models()
    if not missing:
        return "everything is up to date"
    reasons = "; ".join(model.told for model in missing)
    return f"published without {reasons}. Tried again when the study changes, or by its schedule."
