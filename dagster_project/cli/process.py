"""The command as a process: signals, messages, log lines, and the end.

Ends by ``os._exit`` and calls ``atexit._run_exitfuncs``: torch and DuckDB take seconds to be torn
down at a normal exit, and print pages of warnings about each other. Python has no public way to run
the exit functions and skip the rest.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import click
from rich.console import Console

from ingestion.errors import FactrootsError

__all__ = ["OUT", "Group", "log_to_stderr", "print_error", "run_and_exit"]

OUT = Console(width=None if sys.stdout.isatty() else 120)
"""Standard output: results."""
_ERR = Console(stderr=True)


class Group(click.Group):
    """Commands that print user errors without a traceback and exit with 2."""

    def invoke(self, context: click.Context) -> Any:
        """Runs the command that the arguments name."""
        with _received_signals() as signals:
            try:
                return super().invoke(context)
            except FactrootsError as error:
                print_error(str(error))
                context.exit(2)
            except KeyboardInterrupt:
                print_error("stopped; what is finished is kept; run again to go on")
                context.exit(128 + (os.read(signals, 1)[0] or signal.SIGINT))


def print_error(message: str) -> None:
    """Prints a message on standard error, with the name of the program."""
    text = message.replace("[", r"\[")
    _ERR.print(f"[bold red]factroots:[/] {text}", highlight=False, soft_wrap=True)


def log_to_stderr(level: int) -> None:
    """Prints the project's log lines from this level on, with the time of day."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("factroots")
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False


@contextlib.contextmanager
def _received_signals() -> Iterator[int]:
    """Lets SIGTERM stop a command as Ctrl-C does; yields a pipe with the signals received.

    Dagster sets handlers of its own while it runs, which do not say which signal came.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    terminate = signal.signal(signal.SIGTERM, signal.default_int_handler)
    previous = signal.set_wakeup_fd(writer)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(previous)
        signal.signal(signal.SIGTERM, terminate)
        os.close(reader)
        os.close(writer)


def run_and_exit(command: Callable[[], object]) -> NoReturn:
    """Runs a click command and ends the process with its status, without Python's teardown."""
    try:
        command()
    except SystemExit as ended:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code if isinstance(ended.code, int) else ended.code is not None)
    raise AssertionError("click ends every command with an exit status")
