"""Column lineage: each column's origins; SQL that sqlglot cannot follow stops nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from dagster_project.dbt.lineage import read_lineage


def node(name: str, sql: str, *columns: str, parents: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "resource_type": "model",
        "name": name,
        "schema": "main",
        "compiled_code": sql,
        "columns": {column: {} for column in columns},
        "depends_on": {"nodes": list(parents)},
    }


NODES = {
    "a": node("a", "select 1 as x, 2 as y", "x", "y"),
    "b": node("b", "select 1 as x, 2 as y, 3 as z", "x", "y", "z"),
    "odd": node(
        "odd",
        "with u as (select 'a' as code, * from main.a union all by name "
        "select 'b' as code, * from main.b), final as (select code, x, z from u) "
        "select * from final",
        "code",
        "x",
        "z",
        parents=("a", "b"),
    ),
    "last": node("last", "select x + z as total from main.odd", "total", parents=("odd",)),
}


def test_a_model_that_cannot_be_followed_has_its_columns_and_the_others_their_origins(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = read_lineage({"sources": {}, "nodes": NODES})
    assert found["odd"] == {"code": [], "x": [], "z": []}
    assert found["last"] == {"total": [("odd", "x"), ("odd", "z")]}
    assert "odd has no column lineage" in caplog.text
