"""Each thing that is asked of the lake fails on the one corruption made for it, and on no other."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from dagster_project.defs.checks.assets import as_markdown
from dagster_project.defs.checks.completeness import COMPLETENESS
from dagster_project.defs.checks.expectations import expectations
from dagster_project.defs.checks.rules import SPECIAL_RULES
from dagster_project.defs.checks.summaries import summaries
from dagster_project.defs.checks.validation import Finding, validate
from dagster_project.runtime.marts_input import link_parts
from dagster_project.steps.plan import Part
from dagster_project.study.home import Home
from ingestion.contract import LAKE
from ingestion.lake import Provenance, part_path, prepare_lake, schema_path
from tests.helpers.corruptions import CORRUPTIONS, MAKER, Corruption, Place, no_parquet, sound_parts

FOLDER = "it's a [lake] {here}*?"
"""A name that SQL, globs and str.format would each read in its own way."""


def write(lake: Path, corruptions: Iterable[Corruption]) -> list[Part]:
    """Write the lake, past the writer that refuses most corruptions; returns what is planned."""
    prepare_lake(lake)
    parts = []
    spoilt: dict[Place, list[Corruption]] = {}
    for corruption in corruptions:
        spoilt.setdefault(corruption.place, []).append(corruption)
    for place, frame in sound_parts().items():
        table, *values = place
        partition = dict(zip(LAKE[table].partition_by, values, strict=True))
        parts.append(Part(table, partition, "", ""))
        path = part_path(lake, table, partition)
        path.parent.mkdir(parents=True, exist_ok=True)
        rows: pl.DataFrame | None = frame
        maker: Mapping[str, str] = MAKER if "model_id" in partition else {}
        for corruption in spoilt.get(place, ()):
            assert rows is not None
            rows, maker = corruption.change(rows), corruption.maker or maker
            if corruption.change is no_parquet:
                path.write_text("no Parquet")
        if rows is not None:
            write_raw(path, rows, Provenance.now(
                table, partition, fingerprint="", code_version="", duration_seconds=0,
                row_count=len(rows), details=maker,
            ))  # fmt: skip
    return parts


def write_raw(path: Path, rows: pl.DataFrame, provenance: Provenance) -> None:
    table = rows.to_arrow()
    table = table.cast(pl.DataFrame(schema=rows.schema).to_arrow().schema)
    spec = LAKE[provenance.table].schema
    for index, name in enumerate(table.schema.names):
        if name in spec.names and pl.Schema(spec)[name] == rows.schema[name]:
            column = table.column(name).cast(spec.field(name).type)
            table = table.set_column(index, name, column)
    with pq.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({"factroots.provenance": json.dumps(asdict(provenance))})


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Finding]:
    """What fails on the lake with all corruptions, by table and expectation."""
    lake = tmp_path_factory.mktemp("corrupted") / FOLDER
    found = validate(lake, write(lake, CORRUPTIONS), list(LAKE))
    return {(name, finding.expectation.name): finding for name in found for finding in found[name]}


def test_good_data_passes_and_every_expectation_could_be_asked(tmp_path: Path) -> None:
    found = validate(tmp_path / FOLDER, write(tmp_path / FOLDER, ()), list(LAKE))
    assert [finding.summary for name in found for finding in found[name]] == []


def test_a_stray_copy_of_a_part_is_neither_checked_nor_read_by_the_marts(tmp_path: Path) -> None:
    home = Home(tmp_path / "study")
    parts = write(home.lake, ())
    for part in parts:
        path = part.path(home.lake)
        shutil.copy(path, path.with_name(f"{path.stem} (conflicted copy).parquet"))
        path.with_name("notes.parquet").write_text("no Parquet")
    found = validate(home.lake, parts, list(LAKE))
    assert [finding.summary for name in found for finding in found[name]] == []
    link_parts(home, parts)
    planned = [part.path(home.lake) for part in parts]
    empty = [schema_path(home.lake, table) for table in LAKE]
    assert sorted(path.resolve() for path in home.marts_lake.rglob("*.parquet")) == sorted(
        path.resolve() for path in [*planned, *empty]
    )


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda corruption: corruption.fault)
def test_a_corruption_fails_its_expectation(
    corruption: Corruption, findings: dict[tuple[str, str], Finding]
) -> None:
    finding = findings[corruption.failure]
    assert finding.error is None
    assert any(str(row["problem"]).startswith(corruption.problem) for row in finding.rows)


def test_nothing_fails_but_what_was_corrupted(
    findings: dict[tuple[str, str], Finding],
) -> None:
    assert set(findings) == {each.failure for each in CORRUPTIONS}
    told = {str(row["problem"]) for finding in findings.values() for row in finding.rows}
    expected = tuple(corruption.problem for corruption in CORRUPTIONS)
    assert {problem for problem in told if not problem.startswith(expected)} == set()


def test_every_kind_of_expectation_and_every_special_rule_has_its_corruption() -> None:
    kinds = {each.name for table in LAKE.values() for each in expectations(table)}
    assert kinds == {corruption.expectation for corruption in CORRUPTIONS}
    rules = {(table, f"not so: {rule}") for table in SPECIAL_RULES for rule in SPECIAL_RULES[table]}
    assert rules <= {(corruption.place[0], corruption.problem) for corruption in CORRUPTIONS}
    complete = {(table, "complete") for table in COMPLETENESS}
    assert complete <= {corruption.failure for corruption in CORRUPTIONS}


def test_a_failure_lists_the_rows(findings: dict[tuple[str, str], Finding]) -> None:
    finding = findings["degenerate_pairs", "complete"]
    assert finding.row_count == 1
    assert as_markdown(finding) == (
        "Each part is complete and has nothing else. "
        "Not so in 1 rows, such as\n\n"
        "| problem | model_id | language_code | fact_id |\n"
        "| --- | --- | --- | --- |\n"
        "| the fact has random pairs alone | m | de | f1 |"
    )


def test_a_run_over_some_partitions_judges_only_the_parts_that_are_there(tmp_path: Path) -> None:
    parts = write(tmp_path, [each for each in CORRUPTIONS if each.fault == "a part is missing"])
    assert validate(tmp_path, parts, ["label_tokens"])["label_tokens"]
    assert not validate(tmp_path, parts, ["label_tokens"], expects_all=False)["label_tokens"]


def test_numbers_of_keys_are_compared_as_by_a_group_for_every_key() -> None:
    """Within a part, in two parts, and with numbers that do not exist or are not there."""
    table = LAKE["neuron_profiles"]
    (query,) = (each.query for each in expectations(table) if each.name == "key")
    key, rng = ", ".join(table.key), random.Random(1)
    con = duckdb.connect()
    con.execute("create table parts (lake_table text, is_sound bool, model_id text, "
                "language_code text, file_name text, part_name text)")  # fmt: skip
    con.execute("insert into parts values ('neuron_profiles', true, 'm', 'de', 'a', 'm/de'), "
                "('neuron_profiles', true, 'm', 'en', 'b', 'm/en')")  # fmt: skip
    con.execute("create table models (model_id text, layer_count int, hidden_size int, "
                "neuron_count int)")  # fmt: skip
    names = ("model_id text, language_code text, fact_id text, method_code text, layer_index "
             "integer, bin_index integer, contiguous_score float, strided_score float, "
             "file_name text")  # fmt: skip
    con.execute(f"create table neuron_profiles ({names})")
    found = 0
    for _ in range(40):
        con.execute("delete from neuron_profiles")
        numbers = [-70, -1, 0, 1, 62, 63, 64, 65, 127, 128, 2**31 - 1, None]
        rows = [
            ("m", "de", rng.choice(["f1", "f2", None]), "p", rng.choice([0, 1]), number, 0, 0,
             rng.choice(["a", "a", "a", "b"]))
            for number in rng.choices(numbers, k=12)
        ]  # fmt: skip
        con.executemany("insert into neuron_profiles values (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        for name, sums in summaries(table):
            con.execute(f"create or replace table {name} as {sums}")
        plain = f"select {key}, count(*) from neuron_profiles group by {key} having count(*) > 1"
        expected = con.execute(plain).fetchall()
        asked = con.execute(query.format(batch="neuron_profiles")).fetchall()
        assert sorted(map(str, asked)) == sorted(
            str((f"{count} rows share this key", *values, len(expected)))
            for *values, count in expected
        )
        found += len(expected)
    assert found > 20
