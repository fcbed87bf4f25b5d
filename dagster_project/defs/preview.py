"""Previews: the first rows of a table, cut to fit side by side on the asset's page."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

__all__ = ["SHOWN_ROWS", "mart_figures", "table_value"]

SHOWN_ROWS = 10
_LONGEST = 40
"""Characters of a text that are shown."""


def table_value(rows: Iterable[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """Makes a table that Dagster shows.

    Args:
        rows: the first rows of a table, all with the same columns.
    """
    records = [dg.TableRecord({name: _cell(value) for name, value in row.items()}) for row in rows]
    columns = [dg.TableColumn(name) for name in (records[0].data if records else ())]
    return dg.MetadataValue.table(records, dg.TableSchema(columns))


def mart_figures(
    preview: Path, key: Iterable[str], plotted: Mapping[str, str]
) -> dict[str, dg.MetadataValue | int | float]:
    """Reads what dbt left of a mart for its page: row count, first rows, figures over time.

    Args:
        preview: what the macro ``preview`` wrote; a model without it has nothing to show.
        key: columns that identify a row.
        plotted: column whose values are plotted over time → name of the figure.
    """
    if not preview.exists():
        return {}
    found = json.loads(preview.read_text(encoding="utf-8"))
    rows = found["rows"] or []
    figures: dict[str, dg.MetadataValue | int | float] = {
        "preview": table_value(rows[:SHOWN_ROWS]),
        "dagster/row_count": found["row_count"],
    }
    for column, name in plotted.items():
        for row in rows:
            place = "/".join(str(row[part]) for part in key)
            figures[f"{name} {place}"] = _short(row[column])
    return figures


def _cell(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return _short(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _short(value: float) -> float:
    return float(f"{value:.6g}")
