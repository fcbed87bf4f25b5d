"""Interfaces that are not public: each in one module, and still as that module needs it.

A test here fails when a library moves one of them, before a user meets it.
"""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ("dagster_project", "ingestion", "models_gpu", "warehouse")
USED = {
    "dagster_project/cli/dagster_dev.py": {"dagster._cli"},
    "dagster_project/cli/process.py": {"atexit._run_exitfuncs", "os._exit"},
    "dagster_project/defs/event_log.py": {
        "dagster._core.storage.event_log",
        "dagster._core.storage.sqlite",
    },
    "dagster_project/defs/run_logs.py": {
        "dagster._core.storage.compute_log_manager",
        "dagster._core.storage.local_compute_log_manager",
    },
}
"""Module → private modules and names of others that it uses."""
OURS = ("dagster_project", "ingestion", "models_gpu", "warehouse", "self", "cls")


def is_private(name: str) -> bool:
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def private_names(path: Path) -> set[str]:
    """Private modules that a file imports, and private names of imported modules that it uses."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found, modules = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name for alias in node.names}
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules |= {alias.asname or alias.name for alias in node.names}
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        is_of_name = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if is_of_name and node.value.id in modules:  # type: ignore[attr-defined]
            found.add(ast.unparse(node))
    own = {name for name in found if name.split(".")[0] in OURS}
    private = {name for name in found - own if is_private(name)}
    # A name of a private module counts as that module.
    return {name for name in private if not any(name.startswith(f"{each}.") for each in private)}


def test_a_private_interface_is_used_in_one_module_only(project: Path) -> None:
    found = {
        path.relative_to(project).as_posix(): names
        for package in PACKAGES
        for path in sorted((project / package).rglob("*.py"))
        if (names := private_names(path))
    }
    assert found == USED


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_the_event_log_of_dagster_asks_for_its_connection_as_ours_overrides_it() -> None:
    from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage as Theirs

    from dagster_project.defs.event_log import EventLog

    assert parameters(Theirs._connect) == ["self"]
    assert "self._connect()" in inspect.getsource(Theirs)
    assert "_conn_string" in inspect.getsource(Theirs.__init__)
    assert EventLog._connect is not Theirs._connect


def test_the_logs_of_dagster_are_captured_as_ours_override_it() -> None:
    from dagster._core.storage.compute_log_manager import ComputeLogManager
    from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager as Theirs

    from dagster_project.defs.run_logs import RunLogs

    assert parameters(ComputeLogManager.capture_logs) == parameters(RunLogs.capture_logs)
    assert parameters(Theirs.from_config_value) == parameters(RunLogs.from_config_value)
    assert parameters(Theirs.get_captured_local_path)[:3] == ["self", "log_key", "extension"]
    assert parameters(Theirs.complete_artifact_path) == ["self", "log_key"]
    assert "self.complete_artifact_path(log_key)" in inspect.getsource(Theirs.is_capture_complete)


def test_the_dbt_resource_calls_the_two_methods_that_ours_overrides() -> None:
    from dagster_dbt import DbtCliResource

    from dagster_project.defs.dbt_resource import dbt_resource

    source = inspect.getsource(sys.modules[DbtCliResource.__module__])
    own = vars(type(dbt_resource()))
    for name in ("_cli_version", "_initialize_dbt_core_adapter"):
        assert name in own
        assert hasattr(DbtCliResource, name)
        assert f"self.{name}" in source
    theirs = parameters(DbtCliResource._initialize_dbt_core_adapter)
    assert parameters(own["_initialize_dbt_core_adapter"]) == theirs


def test_dagster_dev_starts_its_web_server_where_ours_is_exchanged() -> None:
    from dagster._cli import dev

    source = inspect.getsource(dev)
    assert parameters(dev.open_ipc_subprocess)[0] == "parts"
    assert '[sys.executable, "-m", "dagster_webserver"]' in source
    assert source.count("dagster_webserver") - source.count("import dagster_webserver") == 1


def test_the_processes_of_dagster_wait_as_long_for_each_other_as_ours_says() -> None:
    script = (
        "import contextlib, sys; from dagster_project.cli.dagster_dev import guarded_dev\n"
        "sys.argv[1:] = ['--help']\n"
        "with contextlib.suppress(SystemExit): guarded_dev()\n"
        "from dagster._grpc.client import DEFAULT_GRPC_TIMEOUT; print(DEFAULT_GRPC_TIMEOUT)"
    )
    for own, waited in (({}, "600"), ({"DAGSTER_GRPC_TIMEOUT_SECONDS": "77"}, "77")):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | own,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines()[-1] == waited


def test_the_web_server_makes_its_application_where_ours_is_put_around_it() -> None:
    from dagster_webserver import cli

    called = inspect.getsource(cli.host_dagster_ui_with_workspace_process_context)
    assert "app = create_app_from_workspace_process_context(" in called
    assert "uvicorn.run(\n            app," in called


@pytest.mark.parametrize(
    ("name", "constant"),
    [
        ("dagster/will_retry", "WILL_RETRY_TAG"),
        ("dagster/auto_retry_run_id", "AUTO_RETRY_RUN_ID_TAG"),
        ("dagster/run_key", "RUN_KEY_TAG"),
        ("dagster/priority", "PRIORITY_TAG"),
        ("dagster/retry_strategy", "RETRY_STRATEGY_TAG"),
        ("dagster/asset_partition_range_start", "ASSET_PARTITION_RANGE_START_TAG"),
        ("dagster/asset_partition_range_end", "ASSET_PARTITION_RANGE_END_TAG"),
        ("dagster/partition", "PARTITION_NAME_TAG"),
    ],
)
def test_a_tag_of_dagster_has_the_name_that_is_used_here(name: str, constant: str) -> None:
    from dagster._core.storage import tags

    assert getattr(tags, constant) == name


def test_a_command_runs_exit_functions_and_ends_without_the_rest() -> None:
    script = (
        "import atexit, sys; from dagster_project.cli.process import run_and_exit\n"
        "class Loud:\n"
        "    def __del__(self): print('torn down')\n"
        "kept = Loud()\n"
        "atexit.register(print, 'exit function')\n"
        "print('command', end=' '); run_and_exit(lambda: sys.exit(3))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (3, "command exit function\n")
