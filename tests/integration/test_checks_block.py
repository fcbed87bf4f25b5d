"""A lake with an error: the run names the rows, builds nothing, and keeps the last file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg
import polars as pl

from dagster_project.defs.checks.assets import lake_checks
from ingestion.contract import LAKE
from ingestion.lake import read_part, read_provenance, write_part
from tests.helpers import studies


def test_a_failing_check_stops_dbt_and_the_last_published_file_stays(
    tiny_study: Path, home: Path
) -> None:
    part = home / "lake" / "predictions" / "first" / "en.parquet"
    made_by = read_provenance(part)
    assert made_by is not None
    # A part that its writer takes for whole: one fact is lost, one score is impossible.
    rows = read_part(part)[1:]
    score = pl.when(pl.col("fact_id") == rows["fact_id"][0]).then(0.5)
    rows = rows.with_columns(gold_log_prob=score.otherwise("gold_log_prob"))
    write_part(home / "lake", rows, replace(made_by, row_count=len(rows)))
    before = {name: (home / name).read_bytes() for name in ("factroots.duckdb", "build/dbt.log")}
    # One model less makes another warehouse, so that there is something to publish.
    run = studies.factroots("run", tiny_study, "--home", home.parent, "--models", "first")
    assert run.exit_code == 2
    said = " ".join(run.stderr.split())
    assert "predictions, complete: 1 rows, such as problem 'the fact has no prediction'" in said
    assert "predictions, values: 1 rows, such as problem 'not so: gold_log_prob <= 0.0001'" in said
    end = said[said.index("factroots: nothing is published, because rows break rules: pred") :]
    assert "the fact has no prediction" in end
    assert f"See {home / 'run.log'}" in end
    assert "DagsterAssetCheck" not in said
    assert {name: (home / name).read_bytes() for name in before} == before


def test_every_lake_table_has_its_blocking_check() -> None:
    specs = {spec.asset_key: spec.blocking for spec in lake_checks.check_specs}
    # What is missing is written by the run that builds the marts, once these have been asked.
    checked = LAKE.keys() - {"missing_models"}
    assert specs == {dg.AssetKey(["lake", name]): True for name in checked}
