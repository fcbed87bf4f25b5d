"""What all assets share: how a lake table is described to Dagster, and how a part is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import dagster as dg

from dagster_project.plan import Part, unfinished
from dagster_project.workspace import Workspace, WrittenPart
from ingestion.contract import LAKE

__all__ = ["OWNERS", "lake_spec", "report", "unfinished_parts", "workspace_of"]

OWNERS = ["team:factroots"]


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
        table,
        group_name=group,
        kinds=set(kinds),
        owners=OWNERS,
        deps=list(deps),
        code_version=code_version,
        description=f"{contract.description}\n\nKey: {', '.join(contract.key)}.",
        metadata={"dagster/column_schema": dg.TableSchema(columns=columns)},
        partitions_def=partitions,
    )


def workspace_of(context: dg.AssetExecutionContext) -> Workspace:
    """The study at work."""
    workspace: Workspace = context.resources.workspace
    return workspace


def unfinished_parts(workspace: Workspace, parts: Sequence[Part]) -> list[Part]:
    """Which of these parts have to be computed; those that are up to date are left alone."""
    return unfinished(parts, workspace.home.lake)


def report(
    context: dg.AssetExecutionContext,
    workspace: Workspace,
    parts: Iterable[Part],
    partition_key: Callable[[Part], str] | None = None,
) -> None:
    """Show what lies in the lake on the assets in Dagster's UI.

    Args:
        context: the running step.
        workspace: the study.
        parts: parts that are now up to date, whether just computed or found done.
        partition_key: Dagster's partition of a part; None for assets that Dagster sees whole.
    """
    tables: dict[tuple[str, str | None], list[WrittenPart]] = {}
    for part in parts:
        key = partition_key(part) if partition_key else None
        tables.setdefault((part.table, key), []).append(workspace.written(part))
    for (table, key), written in tables.items():
        context.add_asset_metadata(_totals(written), asset_key=table, partition_key=key)


def _totals(written: Sequence[WrittenPart]) -> dict[str, dg.MetadataValue | int | float | str]:
    """Figures of one asset partition: those of its only part, or the sums over its parts."""
    rows = sum(part.provenance.row_count for part in written)
    totals: dict[str, dg.MetadataValue | int | float | str] = {
        "dagster/row_count": rows,
        "bytes": sum(part.size_bytes for part in written),
        "parts": len(written),
    }
    if len(written) == 1:
        totals |= written[0].metadata
    return totals
