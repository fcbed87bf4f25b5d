"""The schedule: verifies the lake at the times that the study file sets."""

import dagster as dg

from dagster_project.defs.jobs import verify_lake
from dagster_project.runtime.workspace import Workspace

__all__ = ["study_schedules"]


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
            description="Verifies the lake. Then everything missing, stale, damaged or failed "
            "before is computed, and the warehouse published.",
        )
    ]
