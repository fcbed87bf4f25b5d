"""Reads the rows of a Parquet file as documents."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.corpora.documents import Tally, document_title
from ingestion.corpora.settings import CorpusError, ParquetText, SourceFile, too_large
from ingestion.corpora.streams import check_ratio
from ingestion.text import is_text_type, normal_text

__all__ = ["open_parquet", "parquet_documents"]

_ROWS = 1_000


def parquet_documents(
    settings: ParquetText, file: SourceFile, tally: Tally
) -> Iterator[tuple[str, str]]:
    """Yield title and text of each row; rows that cannot be documents are counted.

    Raises:
        CorpusError: not a Parquet file, a damaged one, or one without the columns.
    """
    with file.open() as raw:
        table, wanted = open_parquet(settings, file, raw)
        for columns in _batches(table, wanted, file):
            titles = columns[1] if len(columns) > 1 else [None] * len(columns[0])
            for title, text in zip(titles, columns[0], strict=True):
                tally.page_count += 1
                if (why := _lost(text, settings.largest_document)) is not None:
                    tally.broken_count += 1
                    tally.note(f"{file.name}: row {tally.page_count} {why}")
                    continue
                title = None if isinstance(title, Exception) else title
                yield document_title(title, file, tally), normal_text(text or "")


def open_parquet(
    settings: ParquetText, file: SourceFile, raw: BinaryIO
) -> tuple[pq.ParquetFile, list[str]]:
    """Open a file, and check that it has the wanted columns, which are returned as well."""
    wanted = [c for c in (settings.text_column, settings.title_column) if c is not None]
    try:
        table = pq.ParquetFile(raw)
    except (OSError, pa.ArrowException) as error:
        raise CorpusError(f"{file.path} is not a complete Parquet file: {error}") from error
    _check_columns(wanted, table.schema_arrow, file)
    described = table.metadata
    for group, column in itertools.product(
        range(described.num_row_groups), range(described.num_columns)
    ):
        chunk = described.row_group(group).column(column)
        check_ratio(file.path, chunk.total_compressed_size, chunk.total_uncompressed_size)
    return table, wanted


def _check_columns(wanted: Sequence[str], schema: pa.Schema, file: SourceFile) -> None:
    """Raise ``CorpusError`` if a column is missing or there twice, or the first is not text."""
    missing = [column for column in wanted if column not in schema.names]
    if missing:
        raise CorpusError(
            f"{file.path} has no column {missing[0]!r}. "
            f"It has: {', '.join(schema.names)}. "
            "Set text_column and title_column to your columns; title_column: null if there is none."
        )
    repeated = [column for column in wanted if schema.names.count(column) > 1]
    if repeated:
        raise CorpusError(
            f"{file.path} has the column {repeated[0]!r} more than once. Write the file again with "
            "another name for one of them, or set text_column and title_column to other columns."
        )
    kind = schema.field(wanted[0]).type
    if not is_text_type(kind):
        raise CorpusError(
            f"{file.path}: column {wanted[0]!r} is {kind} and not text. Set text_column to a "
            "column of text, or write the file again with this column as a string."
        )


def _batches(
    table: pq.ParquetFile, wanted: Sequence[str], file: SourceFile
) -> Iterator[list[list[Any]]]:
    """Values of the columns, batch by batch; what Python cannot hold is the error it causes."""
    try:
        for batch in table.iter_batches(batch_size=_ROWS, columns=list(wanted)):
            yield [_values(batch.column(name)) for name in wanted]
    except (OSError, pa.ArrowException) as error:
        raise CorpusError(
            f"{file.path} is damaged: {error}. Download or write it again."
        ) from error


def _lost(text: str | UnicodeDecodeError | None, largest: int) -> str | None:
    """Why a value cannot be a document; None if it can."""
    if isinstance(text, UnicodeDecodeError):
        return f"is not UTF-8 ({text.reason})"
    # A character has at most four bytes.
    if text is not None and 4 * len(text) > largest and len(text.encode()) > largest:
        return too_large(largest)
    return None


# Text that is not UTF-8; dates after the year 9999, unknown time zones, and what else a title is.
_NO_VALUE = (ValueError, OverflowError, LookupError, pa.ArrowException)


def _values(column: pa.Array) -> list[Any]:
    try:
        return cast(list[Any], column.to_pylist())
    except _NO_VALUE:
        return [_value(item) for item in column]


def _value(item: pa.Scalar) -> Any:
    try:
        return item.as_py()
    except _NO_VALUE as error:
        return error
