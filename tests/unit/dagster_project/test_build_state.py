"""The build file records what each model was made from; only what is made from now is current."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.dbt.build_state import BuildState
from dagster_project.steps.plan import Part


def node(kind: str, name: str, *parents: str, macros: tuple[str, ...] = ()) -> dict[str, Any]:
    depends_on = {"nodes": list(parents), "macros": list(macros)}
    return {"resource_type": kind, "name": name, "depends_on": depends_on}


LAKE_TABLE = "source.factroots.lake.{}"
NODES = {
    "stg_facts": node("model", "stg_facts", LAKE_TABLE.format("facts")),
    "stg_predictions": node("model", "stg_predictions", LAKE_TABLE.format("predictions")),
    "seed": node("seed", "seed"),
    "rates": node("model", "rates", "stg_facts", "stg_predictions", "seed"),
    "facts": node("model", "facts", "stg_facts"),
    "parts": node("model", "parts", macros=("macro.factroots.lake_glob",)),
    "rates_add_up": node("test", "rates_add_up", "rates", "facts"),
    "unit": node("unit_test", "unit", "rates"),
}
"""Two views of the lake, a seed, three marts, a test of two of them, a unit test."""


def parts(**fingerprints: str) -> list[Part]:
    return [Part(table, {}, made_from, "1") for table, made_from in fingerprints.items()]


def state(file: Path, variables: str = "", **fingerprints: str) -> BuildState:
    wanted = {"facts": "f1", "predictions": "p1"} | fingerprints
    return BuildState.of(NODES, file, variables, parts(**wanted))


def record(file: Path, built: BuildState, *names: str, status: str = "success") -> None:
    results = file.with_name("run_results.json")
    rows = [{"unique_id": name, "status": status} for name in names]
    results.write_text(json.dumps({"results": rows}))
    built.record(results)


MODELS = ("stg_facts", "stg_predictions", "seed", "rates", "facts", "parts")


def test_all_is_current_when_all_was_built_and_all_tests_passed(tmp_path: Path) -> None:
    file = tmp_path / "build.duckdb"
    assert state(file).unfinished() == [*MODELS, "rates_add_up"]
    record(file, state(file), *MODELS)
    assert state(file).unfinished() == ["rates_add_up"]
    record(file, state(file), "rates_add_up", status="fail")
    assert state(file).unfinished() == ["rates_add_up"]
    record(file, state(file), "rates_add_up", status="pass")
    assert state(file).unfinished() == []


def test_a_part_that_changed_ends_what_was_made_from_it_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "build.duckdb"
    record(file, state(file), *MODELS, "rates_add_up")
    stale = ["stg_predictions", "rates", "parts", "rates_add_up"]
    assert state(file, predictions="p2").unfinished() == stale
    # A part more is a change as well, and so is another lake or study.
    of_english = Part("predictions", {"language_code": "en"}, "", "1")
    more = [*parts(facts="f1", predictions="p1"), of_english]
    added = BuildState.of(NODES, file, "", more)
    assert added.unfinished() == stale
    assert state(file, "another lake").unfinished() == [*MODELS, "rates_add_up"]


def test_a_mart_is_built_with_what_it_reads_and_lacks(tmp_path: Path) -> None:
    file = tmp_path / "build.duckdb"
    assert state(file).to_build(["facts"]) == {"facts", "stg_facts"}
    assert state(file).to_test({"facts", "stg_facts"}) == set()
    record(file, state(file), "facts", "stg_facts", "seed")
    assert state(file).to_build(["rates"]) == {"rates", "stg_predictions"}
    # The test reads what is built now and what was built before.
    assert state(file).to_test({"rates", "stg_predictions"}) == {"rates_add_up"}
    # Asked for alone, it waits until what it reads is built.
    assert state(file).to_test((), {"rates_add_up"}) == set()
    record(file, state(file), *MODELS)
    assert state(file).to_test((), {"rates_add_up"}) == {"rates_add_up"}
    assert state(file).to_test((), {"another"}) == set()
    assert state(file).tables(["rates"]) == {"facts", "predictions"}
    assert state(file).tables(["seed"]) == set()


def test_what_is_being_built_is_not_current(tmp_path: Path) -> None:
    file = tmp_path / "build.duckdb"
    record(file, state(file), *MODELS, "rates_add_up")
    state(file).forget({"rates", "rates_add_up"})
    assert state(file).unfinished() == ["rates", "rates_add_up"]
    state(file).forget()
    assert not file.exists()


def test_a_damaged_or_foreign_file_has_nothing_that_is_current(tmp_path: Path) -> None:
    file = tmp_path / "build.duckdb"
    file.write_bytes(b"not a database" * 100)
    assert len(state(file).unfinished()) == 7
    # A model that is built alone begins with an empty file.
    state(file).forget({"facts"})
    assert not file.exists()
    with duckdb.connect(file) as connection:
        connection.execute("create table rates as select 1 as a")
    assert len(state(file).unfinished()) == 7
