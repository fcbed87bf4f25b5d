"""What is shown of a table: its first rows, short enough to fit side by side."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg

from dagster_project.defs.preview import mart_figures, table_value


def test_cells_are_plain_and_short() -> None:
    row = {"id": "x" * 100, "tokens": [1, 2], "score": 1 / 3, "is_right": True, "none": None}
    (record,) = table_value([row]).records
    assert record.data == {
        "id": "x" * 39 + "…",
        "tokens": "[1, 2]",
        "score": 0.333333,
        "is_right": True,
        "none": None,
    }


def test_a_table_without_rows_is_shown_without_rows() -> None:
    assert table_value([]).records == []


def test_ten_rows_are_shown_and_all_are_drawn(tmp_path: Path) -> None:
    rows = [{"model_id": "m", "language_code": f"{place:02}", "rate": place} for place in range(12)]
    preview = tmp_path / "mart.json"
    preview.write_text(json.dumps({"row_count": 12, "rows": rows}), encoding="utf-8")
    figures = mart_figures(preview, ["model_id", "language_code"], {"rate": "P@1"})
    shown = figures["preview"]
    assert isinstance(shown, dg.TableMetadataValue)
    assert [record.data["rate"] for record in shown.records] == list(range(10))
    assert figures["dagster/row_count"] == 12
    assert figures["P@1 m/11"] == 11.0


def test_an_empty_mart_and_a_view_have_nothing_to_draw(tmp_path: Path) -> None:
    preview = tmp_path / "mart.json"
    preview.write_text('{"row_count": 0, "rows": null}', encoding="utf-8")
    assert mart_figures(preview, ["model_id"], {"rate": "P@1"})["dagster/row_count"] == 0
    assert mart_figures(tmp_path / "view.json", [], {}) == {}
