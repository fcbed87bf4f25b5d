"""``dagster dev`` with its web server behind the guard (``dagster_project.cli.guard``).

Run as a module: ``… dagster_dev dev ARGUMENTS`` is Dagster's command; it starts this module again
as ``… dagster_dev webserver ARGUMENTS`` in place of Dagster's web server. Dagster has no public
place for either, so two of its names are replaced here; if one of them moves, nothing is started.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from dagster_project.cli.guard import TOKEN_VARIABLE, Guard

__all__ = ["guarded_arguments", "guarded_dev", "guarded_webserver"]

_NAME = "dagster_project.cli.dagster_dev"
_WEBSERVER = ["-m", "dagster_webserver"]
_PATIENCE_SECONDS = "600"
"""How long Dagster's processes wait for each other. A run has started when its process has imported
everything; on a busy machine that takes more than Dagster's own minute, and the run would fail."""


def guarded_arguments(arguments: Sequence[str]) -> list[str]:
    """Command line of a process of ``dagster dev``, with the guarded web server for the plain."""
    words = list(arguments)
    if words[1:3] == _WEBSERVER:
        return [words[0], "-m", _NAME, "webserver", *words[3:]]
    if any("dagster_webserver" in word for word in words):
        raise RuntimeError(f"a web server without the guard was to be started: {words[:4]}")
    return words


def guarded_dev() -> None:
    """Runs ``dagster dev`` with the guarded web server."""
    os.environ.setdefault("DAGSTER_GRPC_TIMEOUT_SECONDS", _PATIENCE_SECONDS)
    from dagster._cli import dev, main

    # Names that these modules only import are not theirs for mypy.
    names: Any = dev
    plain = names.open_ipc_subprocess

    def started(arguments: Sequence[str], **settings: Any) -> Any:
        return plain(guarded_arguments(arguments), **settings)

    names.open_ipc_subprocess = started
    main()  # type: ignore[no-untyped-call]


def guarded_webserver() -> None:
    """Runs Dagster's web server behind the guard, with the token of the environment."""
    from dagster_webserver import cli

    token = os.environ[TOKEN_VARIABLE]
    names: Any = cli
    plain = names.create_app_from_workspace_process_context

    def made(*arguments: Any, **settings: Any) -> Any:
        return Guard(plain(*arguments, **settings), token)

    names.create_app_from_workspace_process_context = made
    cli.main()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    if sys.argv[1] == "webserver":
        del sys.argv[1]
        guarded_webserver()
    else:
        guarded_dev()
