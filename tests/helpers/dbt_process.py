"""Runs dbt in a process of its own, which does not import dbt again.

Importing dbt takes as long as building ten small models. So a server imports it once, and each run
is a fork of that server.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["dbt.cli.main", "dbt.adapters.duckdb"])


@dataclass(frozen=True)
class Outcome:
    """How a run of dbt ended."""

    returncode: int | None
    stdout: str


def run_dbt(arguments: Sequence[str], folder: Path, database: str) -> Outcome:
    """Run one command of dbt in a folder, on the DuckDB file of this name."""
    printed = folder / "printed.txt"
    process = _SERVER.Process(target=_command, args=(arguments, printed, database))
    process.start()
    process.join()
    return Outcome(process.exitcode, printed.read_text(encoding="utf-8"))


def _command(arguments: Sequence[str], printed: Path, database: str) -> None:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import cli

    # It ends before there is much garbage, and looking for it copies the pages of the server.
    gc.disable()
    os.chdir(printed.parent)
    os.environ |= {"FACTROOTS_BUILD": database, "DBT_LOG_LEVEL_FILE": "none"}
    with printed.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        cli(arguments)
    finally:
        # A process of this kind ends without closing the file.
        DuckDBConnectionManager.close_all_connections()
