"""Marts with one fault of each kind: dbt names every one of them, and the file refuses the others.

The lake is that of the root marts, in which nothing is wrong. The marts are spoilt after they are
built, as an error in their SQL would spoil them; then dbt's tests are asked once.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from test_root_marts import tables

from tests.helpers.tiny_lake import DBT, WITHOUT_TESTS, build, rows, write_lake

CORRUPTIONS = {
    # numbers_add_up
    "update p_at_1_by_relation set fact_count = 9 where model_id = 'm' and language_code = 'de'": (
        "p_at_1_by_relation does not add up to p_at_1_by_language", "m", "de"),
    "update dim_languages set fact_count = 9 where language_code = 'ja'": (
        "p_at_1_by_language has another denominator than dim_languages", "r", "ja"),
    "update p_at_1_overview set fact_count = 99 where model_id = 'm'": (
        "p_at_1_overview does not hold the sum over p_at_1_by_language", "m", "micro"),
    "update p_at_1_by_presence set fact_count = 99 where model_id = 'm' and language_code = 'de'": (
        "p_at_1_by_presence does not add up to p_at_1_by_language", "m", "de"),
    # tracing_adds_up
    "update absence_by_language set fact_count = 9 where model_id = 's' and scope_code = 'all'": (
        "absence_by_language has other facts than p_at_1_by_language", "s", "de"),
    "update absence_by_language set absent_count = 0 where model_id = 'm' and scope_code = 'all'": (
        "the scopes of absence_by_language do not nest", "m", "ja"),
    "update fact_types_by_language set absent_full_match_count = 9 where model_id = 'r'": (
        "fact_types_by_language does not add up to absence_by_language", "r", "ja"),
    "delete from absent_predictable_facts where model_id = 'm' and language_code = 'en'": (
        "absent_predictable_facts has other facts than fact_types_by_language", "m", "en"),
    "update fact_types_overview set absent_full_match_count = 99 where model_id = 'm'": (
        "fact_types_overview does not hold the sum over fact_types_by_language", "m", "others"),
    "update absence_overview set fact_count = 99 where model_id = 'm' and scope_code = 'all'": (
        "absence_overview does not hold the sum over absence_by_language", "m", "all"),
    "update tracing_accuracy set unplanted_count = 99 where distractor_kind = 'all'": (
        "the kinds of distractors do not add up in tracing_accuracy", "wiki", "de"),
    # roots_add_up
    "delete from roots_by_language where model_id = 'n' and rule_code = 'paper'": (
        "roots_by_language does not add up to p_at_1_by_language", "n", "de"),
    "update fct_fact_roots set root_code = 'cue' where model_id = 'm' and language_code = 'en' "
    "and rule_code = 'paper' and root_code = 'transferred'": (
        "transferred and cue are not the types of fact_types_by_language", "m", "en"),
    "update roots_overview set root_count = 0, root_rate = root_rate_low "
    "where model_id = 'm' and root_code = 'transferred' and rule_code = 'paper'": (
        "roots_overview does not hold the sum over roots_by_language", "m", "transferred"),
    "update root_matrix set root_count = 9 where model_id = 'm' and target_language_code = 'ja'": (
        "root_matrix does not hold the sources of fct_fact_roots", "m", "ja"),
    "insert into probable_sources values ('m', 'en', 'de', 'transferred', 1, 1, 1, 1, 0, 1)": (
        "the sources of an answer do not share it in probable_sources", "m", "de"),
    "insert into root_accuracy values ('s', 'paper', 'given', 'all', 'undetermined', 'guess', "
    "null, 999, 1, 1, 999, 0, 0, 0, 1, 1, 1, 0)": (
        "root_accuracy has more answers with a root than fct_fact_roots", "s", "undetermined"),
    # shuffled_roots_say_nothing
    "insert into root_accuracy values ('s', 'paper', 'shuffled', 'all', 'cue', 'guess', true, 999, "
    "900, 900, 999, 0.9, 0.9, 0.9, 1, 1, 1, 0.3)": (
        "a shuffled root says more than chance", "s", "paper", "all", "cue"),
    # right_answers_have_neurons
    "delete from fct_active_neurons where model_id = 'm' and fact_id = 'f1'": (
        "m", "de", "f1", "probeless"),
    # nothing_is_lost_on_the_way
    "update fct_predictions set is_full_match = null where model_id = 's' and fact_id = 'f2'": (
        "a fact has no verdict in fct_predictions", "s", "de", "f2"),
    "update intermediate.int_traced_predictions set fact_type_code = null where fact_id = 'f2'": (
        "a fact has no type in int_traced_predictions", "m", "de", "f2"),
    "delete from fct_fact_presence where language_code = 'en' and fact_id = 'f2'": (
        "a fact is missing in fct_fact_presence", "wiki", "en", "f2"),
}  # fmt: skip
"""Fault in a mart → the row that dbt's test returns."""

RELATIONSHIPS = re.findall(
    r'\("(\w+)", "(\w+)", "(\w+)", "\w+"\)', (DBT / "tests" / "relationships_hold.sql").read_text()
)
"""Table, column, and the table to which it leads."""


def marts() -> dict[str, dict[str, Any]]:
    documents = [yaml.safe_load(path.read_text()) for path in DBT.glob("models/marts/*/*.yml")]
    return {model["name"]: model for document in documents for model in document.get("models", [])}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the lake and, below ``run``, what dbt built of it."""
    folder = tmp_path_factory.mktemp("corrupted")
    lake = write_lake(folder / "lake", **tables())
    (folder / "run").mkdir()
    # An earlier version had a table where this one has a view, and the other way round.
    with duckdb.connect(folder / "run" / "factroots.duckdb") as connection:
        connection.execute("create schema staging")
        connection.execute("create table staging.stg_lake__languages (a int)")
        connection.execute("create view dim_languages as select 1 as a")
    _, outcome = build(lake, folder / "run", *WITHOUT_TESTS)
    assert outcome.returncode == 0, outcome.stdout
    return folder


@pytest.fixture(scope="module")
def refused(built: Path) -> set[str]:
    """Marts that refuse a second copy of their first row, and those that have no row."""
    found = set()
    with duckdb.connect(built / "run" / "factroots.duckdb") as connection:
        for (table,) in connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            "where schema_name in ('main', 'operations')"
        ).fetchall():
            try:
                connection.execute(f"insert into {table} select * from {table} limit 1")
                if not connection.table(table).fetchall():
                    found.add(table.rpartition(".")[2])
            except duckdb.ConstraintException:
                found.add(table.rpartition(".")[2])
    return found


@pytest.fixture(scope="module")
def failures(built: Path, refused: set[str]) -> set[tuple[object, ...]]:
    """Rows that dbt's tests list once all corruptions are in."""
    database = built / "run" / "factroots.duckdb"
    with duckdb.connect(database) as connection:
        for corruption in CORRUPTIONS:
            (changed,) = connection.execute(corruption).fetchall()
            assert changed != (0,), corruption
        for table, column, _ in RELATIONSHIPS:
            connection.execute(
                f"update {table} set {column} = 'nowhere' "
                f"where rowid = (select max(rowid) from {table} where {column} is not null)"
            )
    _, outcome = build(
        built / "lake", built / "run", "--store-failures",
        "--exclude-resource-type", "unit_test", command="test",
    )  # fmt: skip
    assert outcome.returncode == 1
    failed = re.findall(r"FAIL \d+ (\w+) \.", outcome.stdout)
    assert set(failed) == {path.stem for path in (DBT / "tests").glob("*.sql")}
    with duckdb.connect(database, read_only=True) as connection:
        stored = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            "where list_contains($1, table_name)",
            [failed],
        ).fetchall()
        return {row for (table,) in stored for row in connection.table(table).fetchall()}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_corruption_is_named(corruption: str, failures: set[tuple[object, ...]]) -> None:
    assert CORRUPTIONS[corruption] in failures


@pytest.mark.parametrize(("table", "column", "parent"), RELATIONSHIPS)
def test_an_orphan_is_named(
    table: str, column: str, parent: str, failures: set[tuple[object, ...]]
) -> None:
    assert (f"{table}.{column} is not in {parent}", "nowhere") in failures


def test_every_problem_that_a_test_knows_has_its_corruption() -> None:
    texts = [path.read_text() for path in (DBT / "tests").glob("*.sql")]
    known = set(re.findall(r"'([^']+)' as problem", " ".join(texts)))
    proven = {problem for problem, *_ in CORRUPTIONS.values()}
    assert {problem for problem in known if "{{" not in problem} <= proven


def test_no_mart_takes_a_row_twice(refused: set[str], failures: set[tuple[object, ...]]) -> None:
    """Those with an index refuse it, and a test names the tables of facts, which have none."""
    ending = " is not in the order of its key, or has a row twice"
    named = {str(row[0]).removesuffix(ending) for row in failures if str(row[0]).endswith(ending)}
    assert {"fct_active_neurons", "fct_fact_presence", "fct_fact_roots", "fct_predictions"} <= named
    assert refused | named == {
        name for name, mart in marts().items() if mart.get("config", {}) != {"materialized": "view"}
    }


def test_every_constraint_of_a_contract_is_one_of_the_file(built: Path) -> None:
    with duckdb.connect(built / "run" / "factroots.duckdb", read_only=True) as connection:
        found = dict(
            connection.execute(
                "select table_name, count(*) from duckdb_constraints() "
                "where constraint_type = 'CHECK' group by all"
            ).fetchall()
        )
    wanted = {
        name: sum(rule["type"] == "check" for rule in mart["constraints"])
        for name, mart in marts().items()
    }
    assert found == {name: count for name, count in wanted.items() if count}


def test_a_view_takes_the_place_of_a_table_and_a_table_that_of_a_view(built: Path) -> None:
    with duckdb.connect(built / "run" / "factroots.duckdb", read_only=True) as connection:
        kinds = connection.execute(
            "select table_type from information_schema.tables "
            "where table_name in ('stg_lake__languages', 'dim_languages') order by table_name"
        ).fetchall()
    assert kinds == [("BASE TABLE",), ("VIEW",)]


def test_a_mart_that_fails_leaves_the_one_that_was_there_and_stops_no_other(
    built: Path, tmp_path: Path
) -> None:
    for name in ("lake", "run"):
        shutil.copytree(built / name, tmp_path / name)
    # A language that stands in two parts breaks the key of dim_languages alone.
    (part,) = (tmp_path / "lake" / "languages").rglob("[!_]*.parquet")
    shutil.copyfile(part, part.with_name("again.parquet"))
    database = tmp_path / "run" / "factroots.duckdb"
    before = rows(database, "from dim_languages order by all")
    _, outcome = build(
        tmp_path / "lake", tmp_path / "run", "--select", "dim_languages", "dim_relations"
    )
    assert outcome.returncode == 1
    assert "PASS=1 WARN=0 ERROR=1" in outcome.stdout, outcome.stdout
    assert "dim_languages" in outcome.stdout
    assert rows(database, "from dim_languages order by all") == before
