"""The command as a process: signals, messages, log lines, and the end.

Ends by ``os._exit`` and calls ``atexit._run_exitfuncs``: torch and DuckDB take seconds to be torn
down at a normal exit, and print pages of warnings about each other. Python has no public way to run
the exit functions and skip the rest.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console

from ingestion.errors import FactrootsError, printable

__all__ = [
    "OUT", "Group", "collect_seldom", "log_to_stderr", "logged_to", "print_error", "run_and_exit",
]  # fmt: skip

OUT = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120)
"""Standard output: results, as wide as COLUMNS or the terminal."""
_ERR = Console(stderr=True)


class Group(click.Group):
    """Commands that print user errors without a traceback and exit with 2."""

    def invoke(self, context: click.Context) -> Any:
        """Runs the command that the arguments name."""
        with _received_signals() as signals:
            try:
                return super().invoke(context)
            except BrokenPipeError:
                # Who reads the output has seen enough, as head does.
                _drop_output()
                context.exit(1)
            except Exception as error:
                if (message := _message(error)) is None:
                    raise
                print_error(message)
                context.exit(2)
            except KeyboardInterrupt:
                print_error("stopped; what is finished is kept; run again to go on")
                context.exit(128 + (os.read(signals, 1)[0] or signal.SIGINT))


def _message(error: Exception) -> str | None:
    """What to tell the user of an error; None for one that nobody foresaw."""
    if isinstance(error, FactrootsError):
        return str(error)
    if isinstance(error, OSError):
        return (
            f"{error.filename or 'the output'}: {error.strerror or error}. Choose another place, "
            "or make space or give permission there, and run again."
        )
    if isinstance(error, UnicodeError):
        return f"{error}. Set PYTHONUTF8=1, or a locale of UTF-8, and run again."
    # Named, not imported: DuckDB takes time to import, and not every command needs it.
    if any(kind.__module__.startswith(("duckdb", "_duckdb")) for kind in type(error).__mro__):
        return (
            f"the published file cannot be read: {error}. If it is damaged, factroots run makes it "
            "again."
        )
    return None


def _drop_output() -> None:
    """Sends what is still to be printed nowhere, so that the end of the process does not fail."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_error(message: str) -> None:
    """Prints a message on standard error, with the name of the program."""
    text = printable(message).replace("[", r"\[")
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
def logged_to(path: Path) -> Iterator[None]:
    """Also appends the project's log lines to a file, which keeps the last two megabytes or so."""
    handler = RotatingFileHandler(path, maxBytes=1 << 20, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("factroots")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()


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


def collect_seldom() -> None:
    """Looks for garbage more seldom than Python does by itself.

    The packages that a run imports make objects that stay: looking for garbage among them at the
    usual rate takes a seventh of the time of the imports.
    """
    gc.set_threshold(100_000, 20, 100)


def run_and_exit(command: Callable[[], object]) -> NoReturn:
    """Runs a click command and ends the process with its status, without Python's teardown."""
    collect_seldom()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter gets its number, not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        command()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        atexit._run_exitfuncs()
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            status = 1
        except OSError as error:
            print_error(_message(error) or str(error))
            status = 2
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(status)
    raise AssertionError("click ends every command with an exit status")
