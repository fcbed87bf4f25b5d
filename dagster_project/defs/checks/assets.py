"""The lake's checks as asset checks: one blocking check per lake table, all run by one op.

A run that builds the marts runs them first. If one fails, neither dbt nor publishing runs, and the
last published file stays.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from dagster_project.defs.asset_specs import lake_key
from dagster_project.defs.checks.expectations import expectations
from dagster_project.runtime.workspace import Workspace
from ingestion.contract import LAKE

if TYPE_CHECKING:
    from dagster_project.defs.checks.validation import Finding

__all__ = ["lake_checks", "selection"]

LOG = logging.getLogger("factroots")
_NAME = "expectations"
_CHECKED = tuple(name for name in LAKE if name != "missing_models")
"""Not ``missing_models``: the run that builds the marts writes it after these checks."""
_PARTITION_TAGS = ("dagster/partition", "dagster/asset_partition_range_start")


@dg.multi_asset_check(
    name="lake_checks",
    specs=[
        dg.AssetCheckSpec(
            _NAME,
            asset=lake_key(table.name),
            blocking=True,
            description="Great Expectations:\n\n"
            + "\n".join(f"- {each.name}: {each.sentence}" for each in expectations(table)),
        )
        for table in (LAKE[name] for name in _CHECKED)
    ],
    can_subset=True,
)
def lake_checks(
    context: dg.AssetCheckExecutionContext, workspace: dg.ResourceParam[Workspace]
) -> Iterator[dg.AssetCheckResult]:
    """Runs the checks of each selected lake table.

    A run over some partitions checks the parts that exist; any other run expects all parts.
    """
    # Great Expectations takes seconds to import.
    from dagster_project.defs.checks.validation import validate

    started = time.perf_counter()
    chosen = {key.asset_key.path[-1] for key in context.selected_asset_check_keys}
    tables = [name for name in _CHECKED if name in chosen]
    expects_all = not any(tag in context.run.tags for tag in _PARTITION_TAGS)
    # A missing model is left out of the marts, so its parts are not checked.
    missing = {model.model_id for model in workspace.missing_models()}
    parts = [
        part for part in workspace.plan.parts() if part.partition.get("model_id") not in missing
    ]
    found = validate(workspace.home.lake, parts, tables, expects_all=expects_all, left_out=missing)
    for findings in found.values():
        for finding in findings:
            LOG.error("check failed: %s", finding.summary)
    count = sum(len(expectations(LAKE[name])) for name in tables)
    seconds = time.perf_counter() - started
    LOG.info("lake: %d expectations on %d tables, %.1f s", count, len(tables), seconds)
    for name, findings in found.items():
        yield dg.AssetCheckResult(
            asset_key=lake_key(name),
            check_name=_NAME,
            passed=not findings,
            description="; ".join(finding.summary for finding in findings) or None,
            metadata={
                finding.expectation.name: dg.MetadataValue.md(as_markdown(finding))
                for finding in findings
            },
        )


def selection(job: str, keys: Sequence[dg.AssetKey]) -> dg.AssetSelection:
    """What a stage materialises and checks: the lake is checked once, before the marts."""
    assets = dg.AssetSelection.assets(*keys)
    if job == "build_marts":
        return assets | dg.AssetSelection.checks(lake_checks)
    return assets.without_checks()


def as_markdown(finding: "Finding") -> str:
    """States the expectation, the number of rows that break it, and the first of them."""
    expected = finding.expectation.sentence
    if finding.error is not None:
        return f"{expected}\n\nIt could not be checked: {finding.error}"
    names = list(finding.rows[0])
    lines = [names, ["---"] * len(names)]
    lines += [[_cell(row[name]) for name in names] for row in finding.rows]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"{expected} Not so in {finding.row_count:,} rows, such as\n\n{table}"


def _cell(value: object) -> str:
    text = "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")
    return text if len(text) <= 80 else f"{text[:79]}…"
