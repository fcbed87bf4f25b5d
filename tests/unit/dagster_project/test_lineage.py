"""Column lineage: each column's origins; SQL that sqlglot cannot follow stops nothing else."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from dagster_project.dbt.lineage import kept_lineage, read_lineage
from dagster_project.study.home import Home


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


def test_only_the_sql_of_a_build_is_followed_while_people_wait_and_the_result_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = Home(tmp_path / "study")
    home.create()
    bare = [{key: node[key] for key in node if key != "compiled_code"} for node in NODES.values()]
    parsed = {"sources": {}, "nodes": dict(zip(NODES, bare, strict=True))}
    built = {"sources": {}, "nodes": NODES}
    assert kept_lineage(home, parsed) == {}
    found = read_lineage(built)
    assert kept_lineage(home, built) == found
    # What is kept needs no SQL, and is made again if it is damaged.
    assert kept_lineage(home, parsed) == found
    (kept,) = home.build.glob("*lineage*")
    for damage in ("", "[]", kept.read_text()[:-9]):
        kept.write_text(damage)
        with caplog.at_level(logging.WARNING, "factroots"):
            assert kept_lineage(home, built) == found
        assert f"{kept} is damaged" in caplog.text
        caplog.clear()
