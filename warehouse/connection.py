"""Opens a published file for queries that can read its tables, and nothing else of the machine.

``opened`` is *restricted*: SQL can neither read nor write files, reach the network, load extensions
or change settings, nor use more memory or disk than a limit. Answers leave it through Python. What
does not belong here: the queries, and comparing or exporting files (``tables.attached``).
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ingestion.errors import FactrootsError, first_line
from warehouse.sql import identifier, literal

__all__ = ["MEMORY", "MEMORY_FORM", "OpenedFile", "RestrictedQueryError", "not_published", "opened"]

MEMORY = "4GB"
"""Memory of a query by default: the largest saved question needs a tenth of it on a full study."""
MEMORY_FORM = re.compile(r"\d+(\.\d+)? ?[KMGT]i?B", re.IGNORECASE)
"""What a limit looks like."""
_SPILLED = "20GB"
"""Temporary files that a query may write where its memory does not suffice."""
_LARGEST_ANSWER = 20 * 10**9
"""Bytes of an answer that a restricted query may write."""
_CATALOGUE = "factroots"


class RestrictedQueryError(FactrootsError):
    """A query needs something that is not allowed; the message says what, and how to allow it."""


class OpenedFile:
    """A published file that was opened for queries."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, scratch: Path) -> None:
        self.connection = connection
        """Its tables are those of the file."""
        self.scratch = scratch
        """The only folder in which the connection may write; deleted at the end."""


def not_published(published_file: Path) -> str:
    """Say that a study has no published file, and what to do."""
    return (
        f"{published_file} does not exist yet: create it with factroots run, or say with --home or "
        "FACTROOTS_HOME in which folder it is"
    )


@contextmanager
def opened(
    published_file: Path, *, allow_files: bool = False, memory: str = MEMORY
) -> Iterator[OpenedFile]:
    """Open a published file, restricted.

    Args:
        published_file: the warehouse.
        allow_files: lifts the restriction: SQL can then use files, extensions and settings with
            the rights of the user.
        memory: largest memory of a query, such as '4GB'; beyond it, temporary files are used.

    Raises:
        RestrictedQueryError: in the block, a query that needs more than is allowed.
    """
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        scratch = Path(folder)
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"attach {literal(published_file)} as {_CATALOGUE} (read_only)")
        connection.execute(f"use {_CATALOGUE}")
        for name, value in _settings(scratch, memory, allow_files=allow_files).items():
            connection.execute(f"set {identifier(name)} = {value}")
        try:
            with contextlib.nullcontext() if allow_files else _limited_files():
                yield OpenedFile(connection, scratch)
        except duckdb.PermissionException as error:
            raise RestrictedQueryError(_explained(error)) from error
        except duckdb.InvalidInputException as error:
            if "configuration has been locked" not in str(error):
                raise
            raise RestrictedQueryError(_explained(error)) from error
        except duckdb.IOException as error:
            if os.strerror(errno.EFBIG) not in str(error):
                raise
            raise RestrictedQueryError(
                f"the answer is larger than {_LARGEST_ANSWER / 1e9:g} GB: ask for less; or, if you "
                "know the query, allow any size with --allow-files"
            ) from error
        except duckdb.OutOfMemoryException as error:
            raise RestrictedQueryError(
                f"the query needs more memory than {memory}: ask for less, or give it more with "
                f"--memory ({first_line(error).rstrip('.')})"
            ) from error


@contextmanager
def _limited_files() -> Iterator[None]:
    """Let this process write no file that is larger than an answer may be; DuckDB has no limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    limits = [limit for limit in (soft, hard, _LARGEST_ANSWER) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_FSIZE, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _settings(scratch: Path, memory: str, *, allow_files: bool) -> dict[str, str]:
    """Settings in the order in which they are made; the last ones cannot be undone."""
    limits = {
        "memory_limit": literal(memory),
        "temp_directory": literal(scratch / "spilled"),
        "max_temp_directory_size": literal(_SPILLED),
    }
    if allow_files:
        return limits
    return limits | {
        "python_enable_replacements": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allowed_directories": f"[{literal(scratch)}]",
        "enable_external_access": "false",
        "lock_configuration": "true",
    }


def _explained(error: Exception) -> str:
    why = first_line(error).rstrip(".")
    return (
        f"queries may read the warehouse only, no files, addresses, extensions or settings: {why}. "
        "Write the answer with --output FILE; or, if you know the query, allow all this with "
        "--allow-files"
    )
