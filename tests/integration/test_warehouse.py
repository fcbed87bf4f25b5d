"""A published file for analysts: descriptions, saved questions, exports, refreshes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.dbt.generate_dictionary import DICTIONARY_FILE, render_dictionary
from tests.helpers import reader, studies
from warehouse.publish import publish
from warehouse.questions import SavedQuestion, saved_questions
from warehouse.tables import attached, published_tables

READERS = 10
SECONDS = float(os.environ.get("FACTROOTS_READER_SECONDS", "1"))
"""How long refreshes go on at least; a minute shows more than the few of every run."""
REFRESHES = 4


@pytest.fixture(scope="module")
def manifest(finished: Path) -> dict[str, Any]:
    return json.loads((finished / "build" / "target" / "manifest.json").read_text())  # type: ignore[no-any-return]


def test_the_data_dictionary_in_git_is_what_dbt_says(manifest: dict[str, Any]) -> None:
    expected = render_dictionary(manifest)
    assert DICTIONARY_FILE.read_text(encoding="utf-8") == expected, "run: make generate"


def test_descriptions_types_and_keys_reach_the_published_file(
    manifest: dict[str, Any], finished: Path
) -> None:
    with attached({"file": finished / "factroots.duckdb"}) as connection:
        tables = published_tables(connection, "file")
    keyed = {"answers": "fct_predictions", "answer_neurons": "fct_active_neurons"}
    described = {
        label: (
            table.description,
            {
                column.name: (column.data_type.lower(), column.description)
                for column in table.columns
            },
            # A view has no key; its rows are those of the table whose key it states.
            list(tables[keyed.get(label, label)].key),
        )
        for label, table in tables.items()
    }
    for own in ("operations.publication", "operations.materials"):
        text, columns, _ = described.pop(own)
        assert all((text, *(description for _, description in columns.values()))), own
    expected = {
        ".".join(filter(None, (node["config"]["schema"], node["name"]))): (
            node["description"],
            {c["name"]: (c["data_type"], c["description"]) for c in node["columns"].values()},
            *(rule["columns"] for rule in node["constraints"] if rule["type"] == "primary_key"),
        )
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["fqn"][1] == "marts"
    }
    assert described == expected
    assert [label for label, table in tables.items() if table.is_view] == [
        "answer_neurons",
        "answers",
    ]
    for label, (text, columns, key) in expected.items():
        assert text.strip(), label
        assert key, label
        assert [name for name, (_, meaning) in columns.items() if not meaning.strip()] == [], label


@pytest.mark.parametrize("question", saved_questions(), ids=lambda question: question.name)
def test_a_saved_question_has_the_shape_that_it_promises(
    question: SavedQuestion, finished: Path
) -> None:
    with duckdb.connect(finished / "factroots.duckdb", read_only=True) as connection:
        result = connection.execute(question.sql)
        columns = tuple(name for name, *_ in result.description)
        rows = result.fetchall()
    assert columns == question.columns
    assert len(rows) >= question.least
    assert question.most is None or len(rows) <= question.most
    keys = [tuple(row[columns.index(name)] for name in question.key) for row in rows]
    assert len(set(keys)) == len(keys)
    assert not any(value is None for key in keys for value in key)


def test_a_saved_question_is_asked_by_its_name_with_what_is_set(
    finished: Path, tiny_study: Path
) -> None:
    words = ("--saved", "relations_shared_by_two_languages", "--set", "language_a=de")
    result = studies.factroots(
        "sql", tiny_study, *words, "--set", "language_b=it", "--home", finished.parent,
        "--format", "csv",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert [line.split(",")[:4] for line in result.stdout.splitlines()[1:]] == [
        [model, "P36", "capital", "8"] for model in ("first", "second", "third")
    ]


def test_two_exports_of_one_study_are_equal_byte_by_byte(
    finished: Path, tiny_study: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        result = studies.factroots(
            "export", tiny_study, "--home", finished.parent, "--to", tmp_path / name,
            "--format", "both",
        )  # fmt: skip
        assert result.exit_code == 0, result.stderr
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}
    package = json.loads(files["datapackage.json"])
    assert {resource["path"] for resource in package["resources"]} == files.keys() - {
        "datapackage.json"
    }
    assert {"p_at_1_by_language.csv", "p_at_1_by_language.parquet"} <= files.keys()
    assert [source["title"] for source in package["sources"]] == [
        "corpus: texts (licence not known)",
        "facts: the study's own facts (licence not known)",
    ]


def test_readers_meet_no_error_and_no_half_state_while_refreshes_publish(
    finished: Path, tmp_path: Path
) -> None:
    """Warehouses with three and with two languages replace each other in a loop."""
    builds = {}
    for count in (3, 2):
        build = tmp_path / str(count) / "factroots.duckdb"
        build.parent.mkdir()
        with duckdb.connect(build) as connection:
            connection.execute(f"attach '{finished}/factroots.duckdb' as finished (read_only)")
            for table in ("dim_languages", "fct_predictions", "p_at_1_by_language"):
                chosen = "where language_code != 'it'" if count == 2 else ""
                connection.execute(f"create table {table} as from finished.{table} {chosen}")
        builds[f"{count} languages"] = build
    published = tmp_path / "factroots.duckdb"
    publish(builds["3 languages"], published, "3 languages")
    stop, refreshes = tmp_path / "stop", 0
    command = [sys.executable, reader.__file__, str(published)]
    readers = [
        subprocess.Popen(
            [*command, str(stop)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(READERS)
    ]
    try:
        until = time.monotonic() + SECONDS
        while refreshes < REFRESHES or time.monotonic() < until:
            for identity, build in builds.items():
                publish(build, published, identity)
                refreshes += 1
    finally:
        stop.touch()
    results = [each.communicate() for each in readers]
    assert [errors for _, errors in results if errors] == []
    answers = [output.strip().split(";") for output, _ in results]
    reads = sum(int(count) for count, *_ in answers)
    print(f"{READERS} readers, {reads} reads, {refreshes} refreshes in {SECONDS:g} s")
    assert reads >= READERS
    assert {identity for _, *seen in answers for identity in seen} == set(builds)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
