"""Writes and reads the sealed Parquet parts of the lake.

A part is written to a temporary file, flushed and renamed, so a reader sees the whole part or
nothing. Its footer has two entries: ``factroots.provenance`` (JSON: what made the part) and
``factroots.seal`` (SHA-256 over the file's bytes with the digest itself zeroed). What does not
belong here: the tables' schemas (``ingestion.contract``), and which parts a study needs
(``dagster_project``).
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import mmap
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.contract import LAKE, LakeTable
from ingestion.errors import FactrootsError
from ingestion.files import TEMPORARY_SUFFIX, temporary_file

__all__ = [
    "LakeError",
    "Provenance",
    "fingerprint",
    "first_rows",
    "part_path",
    "prepare_lake",
    "read_part",
    "read_provenance",
    "schema_path",
    "verify_part",
    "write_part",
]

LOG = logging.getLogger("factroots")
_PROVENANCE_KEY = b"factroots.provenance"
_SEAL_KEY = b"factroots.seal"
_ZERO_SEAL = b"sha256:" + b"0" * 64
_Arguments = ParamSpec("_Arguments")
_SCHEMA_FILE = "_schema.parquet"


class LakeError(FactrootsError):
    """A part could not be written, or is damaged; the message names it and says what to do."""


@dataclass(frozen=True)
class Provenance:
    """What made a part; shows whether the part still fits the study."""

    table: str
    """Lake table."""
    partition: dict[str, str]
    """Values of the partition columns; empty for a table of one part."""
    fingerprint: str
    """Digest of all inputs of the part; equal fingerprints mean equal rows."""
    code_version: str
    """Version of the code that computes this table; increased when its rows change."""
    created_at: str
    """UTC time of writing, ISO 8601."""
    duration_seconds: float
    """Seconds that the computation took."""
    row_count: int
    """Rows in the part."""
    details: dict[str, str] = field(default_factory=dict)
    """Further facts about the inputs, such as model revision, tokenizer hash and dtype."""

    @classmethod
    def now(
        cls,
        table: str,
        partition: Mapping[str, str],
        *,
        fingerprint: str,
        code_version: str,
        duration_seconds: float,
        row_count: int,
        details: Mapping[str, str] | None = None,
    ) -> Provenance:
        """Provenance of a part that was computed just now."""
        return cls(
            table,
            dict(partition),
            fingerprint,
            code_version,
            datetime.now(UTC).isoformat(timespec="milliseconds"),
            round(duration_seconds, 3),
            row_count,
            dict(details or {}),
        )


def fingerprint(*inputs: object) -> str:
    """Digest of JSON-serialisable inputs, 32 hex digits; ignores the order of mapping keys."""
    text = json.dumps(inputs, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def part_path(lake: Path, table: str, partition: Mapping[str, str]) -> Path:
    """Path of a part: ``<lake>/<table>/<value>/…/<value>.parquet``, values in contract order.

    Raises:
        LakeError: these are not the table's partition columns, or a value cannot be a file name.
    """
    spec = LAKE[table]
    if tuple(sorted(partition)) != tuple(sorted(spec.partition_by)):
        raise LakeError(f"{table} is partitioned by {spec.partition_by}, not by {tuple(partition)}")
    values = [partition[column] for column in spec.partition_by] or [table]
    for value in values:
        if not value or value.startswith((".", "_")) or "/" in value or "\\" in value:
            raise LakeError(f"{table}: {value!r} cannot name a part of the lake")
    return lake.joinpath(table, *values[:-1], f"{values[-1]}.parquet")


def schema_path(lake: Path, table: str) -> Path:
    """Path of a table's empty part, which has its columns and no rows."""
    return lake / table / _SCHEMA_FILE


def prepare_lake(lake: Path) -> None:
    """Create a folder and an empty part for every table, and delete leftovers of killed writers.

    dbt reads each table by a glob, which must match at least one file. Call this only while no
    other process writes to the lake.
    """
    for table in LAKE.values():
        folder = lake / table.name
        _guard(folder, folder.mkdir, parents=True, exist_ok=True)
        for leftover in folder.rglob(f"*{TEMPORARY_SUFFIX}"):
            leftover.unlink(missing_ok=True)
        empty = schema_path(lake, table.name)
        if not _is_whole(empty, table):
            _write_sealed(empty, table.schema.empty_table(), None)


def _is_whole(empty: Path, table: LakeTable) -> bool:
    """Whether a table's empty part is there, undamaged, and has the columns of the contract."""
    if not empty.exists():
        return False
    try:
        verify_part(empty)
        return bool(pq.read_schema(empty) == table.schema)
    except (LakeError, OSError, pa.ArrowException) as error:
        LOG.warning("%s: damaged, and written again: %s", empty, error)
        return False


def write_part(lake: Path, frame: pl.DataFrame, provenance: Provenance) -> Path:
    """Validate a frame against the contract, and write it atomically as a sealed part.

    Args:
        lake: root folder of the lake.
        frame: the rows, with exactly the contract's columns in any order.
        provenance: names table and partition; stored in the footer.

    Returns:
        Path of the part.

    Raises:
        LakeError: wrong columns, a wrong type, a null in a required column, rows of another
            partition, a repeated key, a full disk or a read-only folder.
    """
    spec = LAKE[provenance.table]
    path = part_path(lake, provenance.table, provenance.partition)
    table = _conform(spec, frame, provenance.partition)
    _guard(path.parent, path.parent.mkdir, parents=True, exist_ok=True)
    _write_sealed(path, table, provenance)
    return path


def read_provenance(path: Path) -> Provenance | None:
    """Read what made a part from its footer; None if the file or the entry is missing."""
    try:
        entries = pq.read_metadata(path).metadata or {}
        return Provenance(**json.loads(entries[_PROVENANCE_KEY]))
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None


def verify_part(path: Path) -> None:
    """Check a part's seal over all of its bytes.

    Raises:
        LakeError: the file is truncated, edited or not written by factroots.
    """
    try:
        entries = pq.read_metadata(path).metadata or {}
        seal = entries[_SEAL_KEY]
    except (OSError, pa.ArrowException, KeyError) as error:
        why = " ".join(str(error).split())
        raise LakeError(
            f"{path} is not a complete part of this lake: {why}. Run again to recompute it."
        ) from error
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if _digest(data, data.rfind(seal)) != seal:
            raise LakeError(
                f"{path} was changed after it was written (its checksum does not match). "
                "Run again to recompute it."
            )


def read_part(path: Path) -> pl.DataFrame:
    """Verify a part and read its rows.

    Raises:
        LakeError: as ``verify_part``.
    """
    verify_part(path)
    return pl.from_arrow(pq.ParquetFile(path).read())  # type: ignore[return-value]


def first_rows(path: Path, count: int) -> list[dict[str, Any]]:
    """Read the first rows of a part in file order, without checking its seal."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=count):
            rows: list[dict[str, Any]] = batch.to_pylist()
            return rows
    return []


def _conform(spec: LakeTable, frame: pl.DataFrame, partition: Mapping[str, str]) -> pa.Table:
    wanted, given = spec.schema.names, frame.columns
    if sorted(wanted) != sorted(given):
        missing, extra = sorted(set(wanted) - set(given)), sorted(set(given) - set(wanted))
        raise LakeError(
            f"{spec.name}: columns differ from the contract (missing {missing}, unknown {extra})"
        )
    try:
        table = frame.select(wanted).to_arrow().cast(spec.schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise LakeError(f"{spec.name}: rows do not fit the contract: {error}") from error
    for column, value in partition.items():
        wrong = frame.filter(pl.col(column) != value)
        if len(wrong):
            raise LakeError(f"{spec.name}: {len(wrong)} rows do not belong to {column} = {value!r}")
    repeated = frame.select(spec.key).is_duplicated()
    if repeated.any():
        first = frame.filter(repeated).select(spec.key).row(0, named=True)
        raise LakeError(f"{spec.name}: {int(repeated.sum())} rows share their key, such as {first}")
    return table.combine_chunks()


def _write_sealed(path: Path, table: pa.Table, provenance: Provenance | None) -> None:
    with temporary_file(path) as temporary:
        _guard(path, _write_temporary, temporary, table, provenance)
        _guard(path, temporary.replace, path)


def _write_temporary(temporary: Path, table: pa.Table, provenance: Provenance | None) -> None:
    entries = {_SEAL_KEY: _ZERO_SEAL}
    if provenance is not None:
        entries[_PROVENANCE_KEY] = json.dumps(asdict(provenance), sort_keys=True).encode()
    with pq.ParquetWriter(temporary, table.schema, compression="zstd") as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(entries)
    with temporary.open("r+b") as file:
        with mmap.mmap(file.fileno(), 0) as data:
            start = data.rfind(_ZERO_SEAL)
            data[start : start + len(_ZERO_SEAL)] = _digest(data, start)
            data.flush()
        os.fsync(file.fileno())


def _digest(data: mmap.mmap, seal_start: int) -> bytes:
    if seal_start < 0:
        return b""
    digest = hashlib.sha256()
    with memoryview(data) as view:
        digest.update(view[:seal_start])
        digest.update(_ZERO_SEAL)
        digest.update(view[seal_start + len(_ZERO_SEAL) :])
    return b"sha256:" + digest.hexdigest().encode()


def _guard(
    path: Path,
    action: Callable[_Arguments, object],
    *args: _Arguments.args,
    **kwargs: _Arguments.kwargs,
) -> None:
    """Run a file operation; turn its OSError into a ``LakeError`` that says what to do."""
    try:
        action(*args, **kwargs)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "the disk is full: free some space"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            remedy = "no permission: choose another folder with --home, or change its permissions"
        elif error.errno == errno.EISDIR or path.is_dir():
            remedy = "a folder is in its place: delete it"
        elif error.errno in (errno.ENOTDIR, errno.EEXIST):
            remedy = "a file is in the place of one of its folders: delete it"
        else:
            remedy = error.strerror or str(error)
        raise LakeError(
            f"cannot write {path}: {remedy}. Finished parts are kept; run again to continue."
        ) from error
