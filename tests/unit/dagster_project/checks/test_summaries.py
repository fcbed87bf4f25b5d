"""Sums decide which rows are looked at: what they leave out would not have been found either."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from dagster_project.defs.checks import validation
from dagster_project.defs.checks.summaries import group_columns, summaries
from dagster_project.defs.checks.validation import validate
from ingestion.contract import LakeTable
from tests.helpers.corruptions import MAKER, Corruption, sound_parts
from tests.unit.dagster_project.checks.test_lake_checks import write

TABLES = ("label_tokens", "occurrences", "predictions", "active_neurons", "neuron_profiles")
LOOKS_AT = ("values", "key", "neurons", "facts", "lacking", "partitions")
VALUES: dict[type[pl.DataType], list[object]] = {
    pl.String: ["f1", "f3", "f9", "de", "en", " ", "\u00a0", "", "article", None],
    pl.Int32: [-1, 0, 1, 2, 31, 32, 33, None],
    pl.Int64: [-1, 0, 1, 2, 31, 32, 33, None],
    pl.Float32: [-1.0, 2.0, float("nan"), float("inf"), None],
    pl.Float64: [-1.0, 2.0, float("nan"), float("inf"), None],
}


def summaries_that_know_nothing(table: LakeTable) -> Iterator[tuple[str, str]]:
    """As ``summaries``, but everything has to be looked at."""
    columns = ", ".join({"file_name": 0, **dict.fromkeys(group_columns(table))})
    for name, query in summaries(table):
        if name == "complete_at_hand":
            yield name, f"from ({query}) limit 0"
        elif name == "suspects_at_hand":
            yield (
                name,
                f"select distinct unnest({list(LOOKS_AT)}) as expectation, {columns} "
                "from groups_at_hand",
            )
        else:
            yield name, query


def with_articles(rows: pl.DataFrame) -> pl.DataFrame:
    """As if articles had been searched as well."""
    return pl.concat([rows, rows.with_columns(text_unit=pl.lit("article"))])


def damaged(rows: pl.DataFrame, rng: random.Random) -> pl.DataFrame:
    """Take a row away, put one in twice, or give it another value."""
    row = rng.randrange(len(rows))
    kind = rng.choice(["twice", "gone", "gone and twice", "value", "value", "value"])
    if "gone" in kind:
        rows = pl.concat([rows[:row], rows[row + 1 :]])
    if "twice" in kind:
        other = rng.randrange(len(rows))
        rows = pl.concat([rows, rows[other : other + 1]])
    if kind == "value":
        name = rng.choice([each for each in rows.columns if rows.schema[each] in VALUES])
        cells = rows[name].to_list()
        cells[row] = rng.choice(VALUES[rows.schema[name].base_type()])
        rows = rows.with_columns(pl.Series(name, cells, dtype=rows.schema[name]))
    return rows


@pytest.mark.parametrize("seed", range(3))
def test_rows_that_no_sum_points_at_have_no_faults(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    places = [place for place in sound_parts() if place[0] in TABLES]
    articles = [
        Corruption("any", place, with_articles, "", "")
        for place in places
        if place[0] == "occurrences"
    ]
    spoilt = [
        Corruption(
            "any", place, lambda rows: damaged(rows, rng), "", "",
            rng.choice([None, {**MAKER, "imported_file": "theirs.csv"}]),
        )
        for place in rng.sample(places, 9)
    ]  # fmt: skip
    parts = write(tmp_path, [*articles, *spoilt])
    found = validate(tmp_path, parts, TABLES)
    monkeypatch.setattr(validation, "summaries", summaries_that_know_nothing)
    looked_at_all = validate(tmp_path, parts, TABLES)
    assert sum(map(len, found.values())) >= 5
    for table in TABLES:
        assert [told(each) for each in found[table]] == [
            told(each) for each in looked_at_all[table]
        ]


def told(finding: validation.Finding) -> tuple[str, int, set[str]]:
    """What a finding says, whatever the order of its rows."""
    rows = {str(row) for row in finding.rows} if finding.row_count <= 10 else set()
    return finding.expectation.name, finding.row_count, rows
