"""Dagster's storage of a study: runs, events, partitions and settings, in the study's home."""

from __future__ import annotations

import json
import os

import dagster as dg

from dagster_project.defs.storage import put_damaged_aside
from dagster_project.study.home import Home

__all__ = ["open_instance"]

_SETTINGS = """\
telemetry:
  enabled: false
nux:
  enabled: false
python_logs:
  managed_python_loggers: [factroots]
# One run at a time: a run locks the study, and a GPU holds one model.
concurrency:
  runs:
    max_concurrent_runs: 1
# Four processes per step would copy its output into files; its log lines are events anyway.
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
event_log_storage:
  module: dagster_project.defs.event_log
  class: EventLog
  config:
    base_dir: %s
# A run whose process died is repeated; one that failed waits for a change or for the schedule.
run_retries:
  enabled: true
  max_retries: 2
  retry_on_asset_or_op_failure: false
"""


def open_instance(home: Home) -> dg.DagsterInstance:
    """Opens Dagster's storage of this study, with our settings."""
    settings = home.dagster / "dagster.yaml"
    # A JSON string is also a YAML string, whatever characters the folder's name has.
    wanted = _SETTINGS % json.dumps(str(home.dagster))
    if not settings.exists() or settings.read_bytes() != wanted.encode():
        settings.write_text(wanted, encoding="utf-8")
    put_damaged_aside(home.dagster)
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    return dg.DagsterInstance.get()
