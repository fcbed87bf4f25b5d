"""Publishes the warehouse: copies the file that dbt built to the file that analysts open.

Tables are copied with keys and comments, and so are views over them, but not views over the lake.
The build file itself is not changed. The new file is written to a temporary name, flushed and
renamed over the old one, so a reader sees the old or the whole new warehouse. Next to it is its
checksum, as ``sha256sum`` writes it. What does not belong here: the tables themselves
(``dbt/models``).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import duckdb

from ingestion.errors import FactrootsError
from warehouse.files import replace_file, temporary_file
from warehouse.sql import literal

__all__ = [
    "BUILD_SCHEMA",
    "OWN_TABLES",
    "STORAGE_VERSION",
    "Material",
    "PublishError",
    "damage",
    "publish",
    "published_identity",
    "published_options",
]

STORAGE_VERSION = "v1.5.0"
"""Oldest DuckDB that can open the published file."""

BUILD_SCHEMA = "build_state"
"""Schema of the build file that says what its models were built from."""

_WORKING_SCHEMAS = ("staging", "intermediate", BUILD_SCHEMA)

OWN_TABLES = {
    "publication": (
        "One row: the inputs of this file, what wrote it, and when.",
        {
            "identity": (
                "varchar",
                "Digest of the study's inputs, the metrics' code and the file format.",
            ),
            "published_at": ("timestamp with time zone", "Time of publication."),
            "factroots_version": ("varchar", "Version of factroots that wrote the file."),
            "duckdb_version": ("varchar", "Version of DuckDB that wrote the file."),
            "narrowing_options": (
                "varchar",
                "Options with which the run took a part of the study, such as '--sample 4'. Null "
                "if it took all of it.",
            ),
        },
    ),
    "materials": (
        "One row per source of the tables, with its licence.",
        {
            "material_code": ("varchar", "Kind of source: 'facts' or 'corpus'."),
            "title": ("varchar", "Name of the source."),
            "licence_code": (
                "varchar",
                "SPDX identifier of its licence. Null if the licence is not known.",
            ),
            "licence_url": (
                "varchar",
                "Address of the licence text. Null if the licence is not known.",
            ),
        },
    ),
}
"""Tables that publishing adds to ``operations``: description, and column → type and meaning."""

_BOTH_WAYS = r"""
create or replace macro main.both_ways(pairs) as table (
    from query_table(pairs)
    union all by name
    select
        columns(name -> not regexp_matches(name, '_[ab](_count)?$')),
        columns('^(.*)_a((_count)?)$') as '\1_b\2',
        columns('^(.*)_b((_count)?)$') as '\1_a\2',
    from query_table(pairs)
)
"""
"""A table of pairs has each pair once; the macro has it in both directions."""


class PublishError(FactrootsError):
    """The warehouse could not be published; the old file, if any, is unchanged."""


@dataclass(frozen=True)
class Material:
    """A source of the warehouse; its licence applies to derived tables that are passed on."""

    kind: str
    """'facts' or 'corpus'."""
    title: str
    """Name of the source."""
    licence: str | None
    """SPDX identifier of its licence; None if it is not known."""
    url: str | None
    """Address of the licence text; None if it is not known."""


def publish(
    build_file: Path,
    published_file: Path,
    identity: str,
    materials: Sequence[Material] = (),
    options: str | None = None,
) -> int:
    """Copy the built warehouse to the place where analysts open it.

    Args:
        build_file: file that dbt wrote; no process may have it open for writing.
        published_file: file to publish; replaced as a whole.
        identity: digest of all inputs of the warehouse, stored in the file.
        materials: sources of the warehouse, stored in the file with their licences.
        options: options with which a run took a part of the study, stored in the file.

    Returns:
        Size of the published file in bytes.

    Raises:
        PublishError: the built file cannot be read, or the new one cannot be written.
    """
    try:
        # Leftovers of a killed run; two runs never publish at the same time.
        for leftover in published_file.parent.glob(f".{published_file.name}.*.tmp*"):
            leftover.unlink()
        copied = published_file.with_name(f"{published_file.name}.copy")
        with temporary_file(copied) as copied, temporary_file(published_file) as temporary:
            # Schemas are dropped in a copy, because models that are built alone later read them.
            shutil.copyfile(build_file, copied)
            _copy(copied, temporary, identity, materials, options)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            checksum = _checksum(temporary)
            # Read-only, because a client that opens it for writing would lock out all others.
            temporary.chmod(temporary.stat().st_mode & 0o444)
            temporary.replace(published_file)
        # Killed here, the file does not match the old checksum, and is published again.
        line = f"{checksum}  {published_file.name}\n"
        replace_file(_checksum_file(published_file), line.encode())
    except (duckdb.Error, OSError) as error:
        raise PublishError(
            f"cannot publish {published_file}: {error}. The last published file is unchanged; "
            "correct the cause and run again."
        ) from error
    return published_file.stat().st_size


def published_identity(published_file: Path) -> str | None:
    """Read the identity of a published file; None if there is no readable file."""
    return _published(published_file, "identity")


def published_options(published_file: Path) -> str | None:
    """Read with which options a run took a part of the study; None if it took all of it."""
    return _published(published_file, "narrowing_options")


def _published(published_file: Path, column: str) -> str | None:
    if not published_file.exists():
        return None
    try:
        with duckdb.connect(published_file, read_only=True) as connection:
            found = connection.execute(f"select {column} from operations.publication").fetchone()
    except (duckdb.Error, OSError):
        return None
    return None if found is None or found[0] is None else str(found[0])


def damage(published_file: Path) -> str | None:
    """Describe what is wrong with the bytes of a published file; None if they are as written."""
    try:
        wanted = _checksum_file(published_file).read_text(encoding="utf-8").split()[0]
    except (OSError, IndexError, UnicodeDecodeError):
        return f"{published_file} has no checksum next to it"
    try:
        found = _checksum(published_file)
    except OSError as error:
        return f"{published_file} cannot be read: {error.strerror}"
    return None if found == wanted else f"{published_file} was changed after it was published"


def _checksum_file(published_file: Path) -> Path:
    return published_file.with_name(f"{published_file.name}.sha256")


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(
    copied: Path,
    target: Path,
    identity: str,
    materials: Sequence[Material],
    options: str | None,
) -> None:
    """Copy all tables of a copy of the built file into a new one, without dbt's working schemas."""
    with duckdb.connect(copied) as connection:
        connection.execute("set enable_progress_bar = false")
        for schema in _WORKING_SCHEMAS:
            connection.execute(f"drop schema if exists {schema} cascade")
        _add_own_tables(connection, identity, materials, options)
        connection.execute(_BOTH_WAYS)
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"attach {literal(copied)} as built (read_only)")
        connection.execute(
            f"attach {literal(target)} as factroots (storage_version '{STORAGE_VERSION}')"
        )
        connection.execute("copy from database built to factroots")
        connection.execute("checkpoint factroots")


def _add_own_tables(
    connection: duckdb.DuckDBPyConnection,
    identity: str,
    materials: Sequence[Material],
    options: str | None,
) -> None:
    """Add the tables that describe the publication."""
    connection.execute("create schema if not exists operations")
    connection.execute(
        "create or replace table operations.publication as "
        "select ? as identity, now() as published_at, ? as factroots_version, "
        "version() as duckdb_version, ?::varchar as narrowing_options",
        [identity, metadata.version("factroots"), options],
    )
    connection.execute(
        "create or replace table operations.materials (material_code varchar not null, "
        "title varchar not null, licence_code varchar, licence_url varchar)"
    )
    for row in materials:
        connection.execute(
            "insert into operations.materials values (?, ?, ?, ?)",
            [row.kind, row.title, row.licence, row.url],
        )
    for table, (description, columns) in OWN_TABLES.items():
        name = f"operations.{table}"
        connection.execute(f"comment on table {name} is {literal(description)}")
        for column, (_, meaning) in columns.items():
            connection.execute(f"comment on column {name}.{column} is {literal(meaning)}")
