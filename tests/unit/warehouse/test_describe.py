"""``factroots describe``, and views and pairs of a published file."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from tests.helpers.small_files import write_file
from warehouse.describe import describe_table, list_tables
from warehouse.diff import diff
from warehouse.export import export
from warehouse.publish import publish
from warehouse.tables import WarehouseError, attached, published_tables

VIEW = """
create view named as from main.scores join main.dim_languages using (language_code);
comment on view named is 'One row per score: with names.';
create table pairs (
    model_id varchar, language_a varchar, language_b varchar, right_a_count bigint,
    right_b_count bigint, union_count bigint
);
insert into pairs values ('m', 'de', 'en', 1, 2, 3);
"""

FACTS = """
create table fct_answers (model_id varchar not null, fact_id varchar not null, score double);
create table operations.table_keys (table_name varchar primary key, key_columns varchar[]);
insert into operations.table_keys values ('fct_answers', ['model_id', 'fact_id']);
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    publish(write_file(folder / "build.duckdb", VIEW), folder / "factroots.duckdb", "identity")
    return folder / "factroots.duckdb"


def printed(table: object) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def test_a_table_is_described_with_rows_key_joins_and_columns(published: Path) -> None:
    lines, columns = describe_table(published, "scores")
    assert lines[1:] == [
        "Rows: 3.",
        "Key: model_id, language_code.",
        "Joins: dim_languages using (language_code).",
    ]
    assert "BIGINT not null" in printed(columns)
    lines, columns = describe_table(published, "dim_languages")
    assert lines == [
        "Table dim_languages: One row per language.",
        "Rows: 3.",
        "Key: language_code.",
    ]
    assert "English name of the language." in printed(columns)
    lines, _ = describe_table(published, "named")
    assert lines[:2] == ["View named: One row per score: with names.", "Rows: 3."]


def test_an_unknown_table_is_named_with_those_like_it(published: Path) -> None:
    with pytest.raises(WarehouseError, match="did you mean scores"):
        describe_table(published, "score")


def test_all_tables_and_views_are_listed_with_their_rows(published: Path) -> None:
    listed = [line.split()[1::2] for line in printed(list_tables(published)).splitlines()]
    assert ["named", "3"] in [line[:2] for line in listed]


def test_a_view_can_be_read_when_the_file_is_attached_under_another_name(published: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{published}' as other (read_only)")
        assert connection.execute("select count(*) from other.named").fetchall() == [(3,)]


def test_both_ways_has_each_pair_in_both_directions(published: Path) -> None:
    with duckdb.connect(published, read_only=True) as connection:
        found = connection.sql("from both_ways('pairs') order by language_a")
        assert found.columns == connection.table("pairs").columns
        assert found.fetchall() == [("m", "de", "en", 1, 2, 3), ("m", "en", "de", 2, 1, 3)]


def test_views_are_exported_and_compared_by_name_only(published: Path, tmp_path: Path) -> None:
    assert "named.csv" not in {file.name for file in export(published, tmp_path, ["csv"])}
    files = export(published, tmp_path, ["csv"], ["named"])
    assert len(files[0].read_text().splitlines()) == 4
    assert "named" not in {table.table for table in diff(published, published)}
    [same] = diff(published, published, tables=["named"])
    assert not same.is_different


def test_a_table_of_facts_has_the_key_that_table_keys_lists(tmp_path: Path) -> None:
    with attached({"file": write_file(tmp_path / "factroots.duckdb", FACTS)}) as connection:
        tables = published_tables(connection, "file")
    assert tables["fct_answers"].key == ("model_id", "fact_id")
    assert tables["scores"].key == ("model_id", "language_code")
