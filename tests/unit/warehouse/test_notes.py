"""Notes: what a reader must know about the numbers, on rows worked out by hand."""

from __future__ import annotations

import duckdb
import pytest

from warehouse.summary import read_notes

TABLES = """
create table knowledge_facts (
    model_id varchar, method_code varchar, language_code varchar, largest_residual double,
    is_complete boolean
);
create table dim_languages (language_code varchar);
create table dim_facts (
    fact_id varchar, subject_id varchar, object_id varchar, language_count bigint
);
insert into dim_languages values ('de'), ('en');
insert into dim_facts values
    ('q1', 's', 'o', 2), ('fact-1', 'label-1', 'label-2', 2), ('fact-2', 's', 'o', 1),
    ('q2', 'label-1', 'o', 1);
insert into knowledge_facts values ('m', 'ig', 'en', 0.0625, true), ('m', 'ig', 'de', 0.03, true);
"""


@pytest.fixture
def tables() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(TABLES)
    return connection


def test_nothing_is_said_where_nothing_is_amiss(tables: duckdb.DuckDBPyConnection) -> None:
    assert read_notes(tables) == []


def test_facts_without_identity_are_counted_if_there_are_several_languages(
    tables: duckdb.DuckDBPyConnection,
) -> None:
    tables.execute("insert into dim_facts values ('fact-3', 's', 'label-3', 1)")
    (note,) = read_notes(tables)
    assert note.startswith("1 of 5 facts are identified by their labels alone")
    assert "one of the 2 languages" in note
    assert "the same fact_id" in note
    tables.execute("delete from dim_languages where language_code = 'de'")
    assert read_notes(tables) == []


def test_facts_whose_attributions_do_not_add_up_are_counted_for_each_model(
    tables: duckdb.DuckDBPyConnection,
) -> None:
    tables.execute("insert into knowledge_facts values ('m', 'ig', 'en', 0.75, false)")
    tables.execute("insert into knowledge_facts values ('n', 'ig', 'en', 0.5, false)")
    first, second = read_notes(tables)
    assert first.startswith(
        "m, ig: the attributions of 1 of 3 facts in 2 languages miss up to 0.75"
    )
    assert second.startswith("n, ig: the attributions of 1 of 1 facts in en miss up to 0.50")
    assert "Set tolerance in attribution.integrated_gradients" in first
