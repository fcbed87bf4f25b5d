"""What all assets share: how a lake table is described to Dagster, and how a part is reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import dagster as dg

from dagster_project.plan import Part, unfinished
from dagster_project.workspace import Workspace, WrittenPart
from ingestion.contract import LAKE

__all__ = [
    "OWNERS",
    "lake_key",
    "lake_spec",
    "report_partition",
    "results",
    "unfinished_parts",
]

OWNERS = ["team:factroots"]


def lake_key(table: str) -> dg.AssetKey:
    """Asset key of a lake table; a mart may have the same name without the prefix."""
    return dg.AssetKey(["lake", table])


def lake_spec(
    table: str,
    *,
    group: str,
    code_version: str,
    kinds: Iterable[str] = ("parquet",),
    deps: Sequence[str] = (),
    partitions: dg.PartitionsDefinition | None = None,
) -> dg.AssetSpec:
    """Asset of a lake table: its name, description and columns are the contract's."""
    contract = LAKE[table]
    columns = [
        dg.TableColumn(column.name, str(column.type), description=column.description)
        for column in contract.columns
    ]
    return dg.AssetSpec(
        lake_key(table),
        group_name=group,
        kinds=set(kinds),
        owners=OWNERS,
        deps=[lake_key(dependency) for dependency in deps],
        code_version=code_version,
        description=f"{contract.description}\n\nKey: {', '.join(contract.key)}.",
        metadata={"dagster/column_schema": dg.TableSchema(columns=columns)},
        partitions_def=partitions,
    )


def unfinished_parts(workspace: Workspace, parts: Sequence[Part]) -> list[Part]:
    """Which of these parts have to be computed; those that are up to date are left alone."""
    return unfinished(parts, workspace.home.lake)


def results(workspace: Workspace, parts: Iterable[Part]) -> Iterator[dg.MaterializeResult[None]]:
    """One result per lake table, with the figures of the parts that are now up to date."""
    tables: dict[str, list[WrittenPart]] = {}
    for part in parts:
        tables.setdefault(part.table, []).append(workspace.written(part))
    for table, written in tables.items():
        yield dg.MaterializeResult(asset_key=lake_key(table), metadata=_figures(written))


def report_partition(
    context: dg.AssetExecutionContext, workspace: Workspace, part: Part, partition_key: str
) -> None:
    """Show a part's figures on its partition, where one step serves many partitions."""
    context.add_asset_metadata(
        _figures([workspace.written(part)]),
        asset_key=lake_key(part.table),
        partition_key=partition_key,
    )


def _figures(written: Sequence[WrittenPart]) -> dict[str, dg.MetadataValue | int | float | str]:
    """Figures of one asset partition: those of its only part, or the sums over its parts."""
    figures: dict[str, dg.MetadataValue | int | float | str] = {
        "dagster/row_count": sum(part.provenance.row_count for part in written),
        "bytes": sum(part.size_bytes for part in written),
        "parts": len(written),
    }
    return figures | written[0].metadata if len(written) == 1 else figures
