"""Differences between two published files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dagster_project.cli.main import main
from tests.helpers.small_files import write_file
from warehouse.diff import TableDiff, diff

CHANGES = """
delete from scores where model_id = 'a';
insert into scores values ('z', 'de', 1, 0.0, []), ('z', 'en', 1, 0.0, []);
update scores set score = 0.5000001, names = ['a'] where model_id = 'm' and language_code = 'en';
"""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_file(tmp_path_factory.mktemp("old") / "factroots.duckdb")


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_file(tmp_path_factory.mktemp("new") / "factroots.duckdb", CHANGES)


def differing(found: list[TableDiff]) -> dict[str, TableDiff]:
    return {table.table: table for table in found if table.is_different}


def test_a_file_is_like_itself(old: Path) -> None:
    found = diff(old, old.parent)
    assert [table.table for table in found] == ["dim_languages", "scores", "strays"]
    assert differing(found) == {}


def test_rows_are_matched_by_key_and_changes_are_named_by_column(old: Path, new: Path) -> None:
    [table] = differing(diff(old, new)).values()
    assert (table.old_count, table.new_count) == (3, 4)
    assert (table.removed_count, table.added_count, table.changed_count) == (1, 2, 1)
    assert table.changed_columns == {"score": 1, "names": 1}
    assert [(row.change, row.key, row.values) for row in table.rows] == [
        ("removed", {"model_id": "a", "language_code": "en"}, {}),
        ("added", {"model_id": "z", "language_code": "de"}, {}),
        ("added", {"model_id": "z", "language_code": "en"}, {}),
        (
            "changed",
            {"model_id": "m", "language_code": "en"},
            {"score": (0.5, 0.5000001), "names": (["a", 'b, "c"'], ["a"])},
        ),
    ]


def test_floats_within_the_tolerance_are_equal_and_a_null_is_never_near(
    old: Path, tmp_path: Path
) -> None:
    near = write_file(tmp_path / "near.duckdb", "update scores set score = score + 1e-7;")
    assert differing(diff(old, near))
    assert not differing(diff(old, near, tolerance=1e-6))
    void = write_file(tmp_path / "void.duckdb", "update scores set score = null;")
    assert differing(diff(old, void, tolerance=1e-6))["scores"].changed_count == 2


def test_other_columns_keys_and_tables_are_reported(old: Path, tmp_path: Path) -> None:
    other = write_file(
        tmp_path / "other.duckdb",
        "alter table scores add column extra int; drop table strays; "
        "create table dim_models (model_id varchar primary key);"
        "create or replace table dim_languages (language_code varchar, language_name varchar "
        "primary key); insert into dim_languages values ('de', 'German');",
    )
    notes = {name: table.note for name, table in differing(diff(old, other)).items()}
    assert notes == {
        "dim_languages": "another key: language_name",
        "dim_models": "in the second file only",
        "scores": "columns in the second file only: extra",
        "strays": "in the first file only",
    }


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["diff", *map(str, arguments)])


def test_the_command_ends_with_one_when_something_changed_and_zero_when_not(
    old: Path, new: Path
) -> None:
    same, other = run(old, old), run(old.parent, new)
    assert (same.exit_code, other.exit_code) == (0, 1)
    assert "0 of 3 tables differ" in same.stdout
    assert "score: 0.5 → 0.5000001" in other.stdout
    document = json.loads(run(old, new, "--json").stdout)
    assert document["is_different"] is True
    assert [table["changed_count"] for table in document["tables"]] == [0, 1, 0]
    assert run(old, new, "--tables", "strays").exit_code == 0
    missing = run(old, "nowhere.duckdb")
    assert missing.exit_code == 2
    assert "nowhere.duckdb" in missing.stderr


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_no_tolerance_makes_a_number_equal_to_one_that_is_not_finite(
    old: Path, tmp_path: Path, value: str
) -> None:
    change = f"update scores set score = '{value}'::double where model_id = 'm'"
    new = write_file(tmp_path / "factroots.duckdb", change)
    assert list(differing(diff(old, new, 1e-9))) == ["scores"]
    assert differing(diff(new, new, 1e-9)) == {}
    other = write_file(tmp_path / "other.duckdb", change.replace(value, "-inf", 1))
    assert bool(differing(diff(new, other, 1e300))) == (value != "-inf")


@pytest.mark.parametrize("tolerance", ["nan", "inf", "-1"])
def test_the_tolerance_is_a_finite_number(old: Path, tolerance: str) -> None:
    command = ["diff", str(old), str(old), "--tolerance", tolerance]
    assert CliRunner().invoke(main, command).exit_code == 2
