"""Rows of lake tables, typed and sorted as the lake contract says.

What belongs here: the last step of a method, from its frames to one typed and sorted table. What
does not: the columns themselves (``ingestion.contract``, the one module of that package that
``models_gpu`` may import), and how a method computes them. The partition columns (model and
language) are added by the code that writes the rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ingestion.contract import LAKE

__all__ = ["lake_rows", "lake_schema"]


def lake_schema(table: str) -> pl.Schema:
    """Columns of a lake table without its partition columns, in file order."""
    spec = LAKE[table]
    columns = pl.Schema(spec.schema)
    return pl.Schema({name: columns[name] for name in columns if name not in spec.partition_by})


def lake_rows(table: str, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One table of all frames, sorted by key; columns that the lake does not have are dropped.

    Args:
        table: name in ``ingestion.contract.LAKE``.
        frames: at least the columns of ``lake_schema``; without frames the table is empty.
    """
    schema = lake_schema(table)
    if not frames:
        return pl.DataFrame(schema=schema)
    key = [name for name in LAKE[table].key if name in schema]
    return pl.concat(frames).select(schema.names()).cast(schema).sort(key)
