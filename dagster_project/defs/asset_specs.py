"""Shared by all assets: the description of a lake table, and the figures of a part."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

import dagster as dg
import pyarrow as pa

from dagster_project.defs.preview import SHOWN_ROWS, table_value
from dagster_project.runtime.workspace import Workspace, WrittenPart
from dagster_project.steps.plan import Part
from ingestion.contract import LAKE

__all__ = [
    "OWNERS",
    "column_constraints",
    "key_prefix",
    "lake_key",
    "lake_spec",
    "lake_table",
    "report_partition",
    "results",
    "sql_type",
]

OWNERS = ["team:factroots"]
_SQL_TYPES = {"string": "varchar", "int32": "integer", "int64": "bigint", "bool": "boolean"}


def key_prefix() -> tuple[str, ...]:
    """What the keys of all assets begin with: FACTROOTS_KEY_PREFIX, its parts separated by '/'.

    Empty by default. A code location in an instance that others use too needs one, because Dagster
    takes assets with one key for one asset.
    """
    return tuple(filter(None, os.environ.get("FACTROOTS_KEY_PREFIX", "").split("/")))


def lake_key(table: str) -> dg.AssetKey:
    """Asset key of a lake table; a mart may have the same name without ``lake``."""
    return dg.AssetKey([*key_prefix(), "lake", table])


def lake_table(key: dg.AssetKey) -> str | None:
    """The lake table that a key belongs to; None for a mart."""
    return key.path[-1] if key.path[-2:-1] == ["lake"] else None


def lake_spec(
    table: str,
    *,
    group: str,
    code_version: str,
    kinds: Iterable[str] = ("parquet",),
    deps: Sequence[str | dg.AssetDep] = (),
    partitions: dg.PartitionsDefinition | None = None,
) -> dg.AssetSpec:
    """Describes a lake table as an asset: name, meaning and columns come from the contract."""
    contract = LAKE[table]
    columns = [
        dg.TableColumn(
            column.name,
            sql_type(column.type),
            description=column.description,
            constraints=column_constraints(
                contract.key, column.name, is_nullable=column.is_nullable
            ),
        )
        for column in contract.columns
    ]
    return dg.AssetSpec(
        lake_key(table),
        group_name=group,
        kinds=set(kinds),
        owners=OWNERS,
        deps=[lake_key(dep) if isinstance(dep, str) else dep for dep in deps],
        code_version=code_version,
        description=f"{contract.description}\n\nKey: {', '.join(contract.key)}.",
        metadata={"dagster/column_schema": dg.TableSchema(columns)},
        partitions_def=partitions,
    )


def sql_type(arrow: pa.DataType) -> str:
    """Name in SQL of a type of the lake; staging keeps the types."""
    if pa.types.is_list(arrow):
        return f"{sql_type(arrow.value_type)}[]"
    return _SQL_TYPES.get(str(arrow), str(arrow))


def column_constraints(
    key: Sequence[str], column: str, *, is_nullable: bool
) -> dg.TableColumnConstraints:
    """Shown with a column's type: whether it may be null, and whether it is part of the key."""
    is_key = column in key
    return dg.TableColumnConstraints(
        nullable=is_nullable and not is_key,
        unique=is_key and len(key) == 1,
        other=["key"] if is_key else [],
    )


def results(workspace: Workspace, parts: Iterable[Part]) -> Iterator[dg.MaterializeResult[None]]:
    """Makes one result per lake table, with the figures of the parts that are up to date."""
    tables: dict[str, list[WrittenPart]] = {}
    for part in parts:
        tables.setdefault(part.table, []).append(workspace.written(part))
    for table, written in tables.items():
        yield dg.MaterializeResult(asset_key=lake_key(table), metadata=_figures(workspace, written))


def report_partition(
    context: dg.AssetExecutionContext, workspace: Workspace, part: Part, partition_key: str
) -> None:
    """Adds a part's figures to its partition, where one op computes many partitions."""
    context.add_asset_metadata(
        _figures(workspace, [workspace.written(part)]),
        asset_key=lake_key(part.table),
        partition_key=partition_key,
    )


def _figures(
    workspace: Workspace, written: Sequence[WrittenPart]
) -> dict[str, dg.MetadataValue | int | float | str]:
    """Figures of one asset partition: sums over its parts, and the first rows of the first."""
    first = written[0].part
    preview = [
        {name: value for name, value in row.items() if name not in first.partition}
        for row in workspace.first_rows(first, SHOWN_ROWS)
    ]
    figures: dict[str, dg.MetadataValue | int | float | str] = {
        "preview": table_value(preview),
        "dagster/row_count": sum(part.provenance.row_count for part in written),
        "bytes": sum(part.size_bytes for part in written),
    }
    if len(written) == 1:
        return figures | written[0].metadata
    return figures | {"parts": len(written)}
