"""The settings of a study's own Dagster, ``dagster.yaml``; a file that a user changed is kept.

Needs nothing of Dagster, so that checks before a run can read the file too.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from dagster_project.study.home import Home

__all__ = ["is_own", "settings_file", "settings_text"]

_MARK = "# Written by factroots; if you change this file, it is kept as you leave it. "
_BEFORE_MARKS = "module: dagster._core.storage.noop_compute_log_manager"
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
# Loading the study takes seconds, and minutes where the machine has much else to do.
code_servers:
  local_startup_timeout: 600
compute_logs:
  module: dagster_project.defs.run_logs
  class: RunLogs
  config:
    base_dir: %(logs)s
event_log_storage:
  module: dagster_project.defs.event_log
  class: EventLog
  config:
    base_dir: %(folder)s
# A run whose process died is repeated; one that failed waits for a change or for the schedule.
run_retries:
  enabled: true
  max_retries: 2
  retry_on_asset_or_op_failure: false
"""


def settings_file(home: Home) -> Path:
    """Where Dagster looks for the settings of this study."""
    return home.dagster / "dagster.yaml"


def settings_text(home: Home) -> str:
    """The settings, below a line by which they are recognised as unchanged."""
    # A JSON string is also a YAML string, whatever characters the folder's name has.
    text = _SETTINGS % {
        "folder": json.dumps(str(home.dagster)),
        "logs": json.dumps(str(home.dagster / "logs")),
    }
    return f"{_MARK}{_digest(text)}\n{text}"


def is_own(text: str) -> bool:
    """Whether factroots wrote these settings, of this home or another, and nobody changed them."""
    first, _, rest = text.partition("\n")
    if first.startswith(_MARK):
        return first.removeprefix(_MARK).strip() == _digest(rest)
    # Of a version that overwrote every change.
    return _BEFORE_MARKS in text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
