"""The main job end to end, through the command line."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import duckdb
import pytest
import yaml

from ingestion.lake import read_provenance
from tests.helpers import studies


def ask(home: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(home / "factroots.duckdb", read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_a_run_publishes_every_fact_of_every_model_and_language(finished: Path) -> None:
    rows = ask(
        finished,
        "select model_id, language_code, fact_count from p_at_1_by_language order by all",
    )
    counts = {"de": 16, "en": 16, "it": 8}
    models = tuple(studies.FAMILIES)
    assert rows == [(model, language, counts[language]) for model in models for language in counts]
    assert ask(finished, "select count(*) from fct_predictions") == [(3 * sum(counts.values()),)]


def test_a_causal_model_goes_the_whole_way_and_is_marked(finished: Path) -> None:
    described = ask(
        finished, "select objective, architecture from dim_models where model_id = 'third'"
    )
    assert described == [("causal", "gpt2")]
    marked = ask(
        finished,
        "select model_id, language_code, prompt_code, count(*) from fct_predictions "
        "where prompt_code <> 'whole' group by all order by all",
    )
    assert marked == [("third", "en", "cut", 8)]
    neurons = ask(
        finished,
        "select language_code, count(distinct fact_id) from fct_active_neurons "
        "where model_id = 'third' and method_code = 'probeless' group by all order by all",
    )
    assert [language for language, _ in neurons] == ["de", "en", "it"]
    assert all(facts >= 5 for _, facts in neurons)


def test_the_published_file_holds_tables_and_wide_views_and_describes_them(
    finished: Path,
) -> None:
    views = """select view_name, comment like 'One row per %' from duckdb_views()
               where not internal order by view_name"""
    assert ask(finished, views) == [("answer_neurons", True), ("answers", True)]
    undescribed = ask(
        finished,
        "select table_name, column_name from duckdb_columns() "
        "where database_name = current_database() and schema_name = 'main' and comment is null",
    )
    assert undescribed == []


def test_the_published_file_opens_in_the_oldest_promised_duckdb(finished: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{finished / 'factroots.duckdb'}' as published (read_only)")
        (tags,) = connection.execute(
            "select tags from duckdb_databases() where database_name = 'published'"
        ).fetchone() or ({},)
    assert tags["storage_version"].startswith("v1.5")


def test_every_part_says_what_made_it(finished: Path) -> None:
    made_by = read_provenance(finished / "lake" / "predictions" / "first" / "en.parquet")
    assert made_by is not None
    assert made_by.details["revision"].startswith("sha256:")
    assert {"dtype", "tokenizer_hash", "facts_version", "source"} <= set(made_by.details)


def test_every_fact_is_looked_up_in_the_training_text(finished: Path) -> None:
    lake = finished / "lake" / "occurrences"
    found = duckdb.sql(
        "select language_code, subject_label "
        f"from read_parquet('{lake}/**/*.parquet') as occurrences "
        f"join read_parquet('{finished}/lake/fact_labels/*.parquet') as labels "
        "using (language_code, fact_id) where shared_count > 0 order by all"
    ).fetchall()
    assert found == [("de", "Oslo"), ("en", "Paris"), ("en", "Roma")]


def test_a_second_run_does_nothing_and_says_so(finished: Path, tiny_study: Path) -> None:
    before = (finished / "factroots.duckdb").stat()
    result = studies.factroots("run", tiny_study, "--home", finished.parent)
    assert "Nothing to do" in result.stdout, result.stderr
    assert " tables and tests, " in (finished / "run.log").read_text()
    assert (finished / "factroots.duckdb").stat().st_mtime_ns == before.st_mtime_ns


def test_the_query_that_a_run_recommends_finds_its_home_and_shows_p_at_1(
    finished: Path, tiny_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = studies.factroots("run", tiny_study, "--home", finished.parent)
    [line] = [line for line in result.stdout.splitlines() if line.startswith("Ask it: ")]
    words = shlex.split(line.removeprefix("Ask it: factroots "))
    answer = studies.factroots(*words).stdout
    assert "p_at_1" in answer.splitlines()[1]
    assert "high" in answer.splitlines()[1]
    monkeypatch.setenv("FACTROOTS_HOME", str(finished.parent))
    assert "--home" not in studies.factroots("run", tiny_study).stdout


def test_status_counts_parts_and_names_each_in_json(finished: Path, tiny_study: Path) -> None:
    result = studies.factroots("status", tiny_study, "--home", finished.parent, "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert {row["state"] for row in rows} == {"done"}
    predictions = [row for row in rows if row["table"] == "predictions"]
    assert len(predictions) == 3 * len(studies.FAMILIES)
    table = studies.factroots("status", tiny_study, "--home", finished.parent).stdout
    assert "published" in table


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_sql_answers_in_the_form_that_is_asked(finished: Path, tiny_study: Path, form: str) -> None:
    query = "select model_id, fact_count from p_at_1_overview limit 1"
    result = studies.factroots(
        "sql", tiny_study, query, "--home", finished.parent, "--format", form
    )
    assert result.exit_code == 0, result.stderr
    if form == "csv":
        assert list(csv.DictReader(io.StringIO(result.stdout))) == [
            {"model_id": "first", "fact_count": "40"}
        ]
    elif form == "json":
        assert json.loads(result.stdout) == {"model_id": "first", "fact_count": 40}
    else:
        assert "40" in result.stdout


def test_an_empty_answer_says_which_block_of_the_study_would_fill_it(
    finished: Path, tiny_study: Path
) -> None:
    def said(*words: str) -> str:
        return studies.factroots(*words, "--home", finished.parent).stderr

    study = os.fspath(tiny_study)
    reason = (
        "patches_by_layer is empty. Of the blocks that fill it, the study lacks signals.patching "
        "(docs/study-file.md).\n"
    )
    assert said("sql", study, "from main.patches_by_layer") == reason
    assert said("describe", "patches_by_layer", "--study", study) == reason
    assert said("sql", study, "from patches_by_layer", "--format", "csv") == ""
    assert said("sql", study, "from dim_models where false") == ""
    # No block asks for it, and no other verdict is missing.
    reason = "operations.missing_models has no row in this study.\n"
    assert said("sql", study, "from operations.missing_models") == reason
    assert "answers" not in said("sql", study, "from acquisition")


def test_sql_writes_parquet_and_cannot_write_the_warehouse(
    finished: Path, tiny_study: Path, tmp_path: Path
) -> None:
    home = ("--home", finished.parent)
    target = tmp_path / "out.parquet"
    studies.factroots(
        "sql", tiny_study, "from dim_languages", *home, "--format", "parquet", "--output", target
    )
    assert duckdb.read_parquet(str(target)).aggregate("count(*)").fetchall() == [(3,)]
    refused = studies.factroots("sql", tiny_study, "drop table dim_languages", *home)
    assert refused.exit_code == 2
    assert "read-only" in refused.stderr


PROBED = ("name", "facts", "languages", "models")
"""What a study needs to say to have its models asked."""


@pytest.mark.nightly
def test_another_batch_size_gives_the_same_verdicts(
    finished: Path, tiny_study: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_study.parent, other)
    study = other / "tiny.yml"
    probed = {name: yaml.safe_load(tiny_study.read_text())[name] for name in PROBED}
    study.write_text(yaml.safe_dump(probed | {"probing": {"batch_tokens": 32}}))
    result = studies.factroots("run", study, "--home", tmp_path / "homes")
    assert result.exit_code == 0, result.stderr
    query = (
        "select model_id, language_code, fact_id, predicted_text, gold_rank, is_full_match, "
        "round(gold_log_prob, 3) from fct_predictions order by all"
    )
    assert ask(tmp_path / "homes" / "tiny", query) == ask(finished, query)


def test_a_changed_language_recomputes_that_language_alone(
    tiny_study: Path, finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_study.parent, tmp_path / "study")
    shutil.copytree(finished, tmp_path / "homes" / "tiny")
    facts = tmp_path / "study" / "facts.csv"
    facts.write_text(facts.read_text().replace("the capital [X] of [Y]", "capital [X] of [Y]"))
    study = tmp_path / "study" / "tiny.yml"
    rows = studies.factroots("status", study, "--home", tmp_path / "homes", "--json").stdout
    stale = [row for row in map(json.loads, rows.splitlines()) if row["state"] == "stale"]
    assert {row["language_code"] for row in stale if row["table"] == "predictions"} == {"it"}


@pytest.mark.nightly
def test_a_narrowed_run_replaces_the_file_under_an_analyst_and_keeps_all_parts(
    tiny_study: Path, finished: Path, home: Path
) -> None:
    question = "select count(*) from dim_languages"
    only = ("--models", "first", "--languages", "en")
    with duckdb.connect(home / "factroots.duckdb", read_only=True) as analyst:
        assert analyst.execute(question).fetchall() == [(3,)]
        result = studies.factroots("run", tiny_study, "--home", home.parent, *only)
        assert result.exit_code == 0, result.stderr
        assert analyst.execute(question).fetchall() == [(3,)]
    assert ask(home, question) == [(1,)]
    assert ask(home, "select distinct model_id from fct_predictions") == [("first",)]
    part = Path("lake", "predictions", "second", "en.parquet")
    assert (home / part).stat().st_mtime_ns == (finished / part).stat().st_mtime_ns


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, pytest.param(10, marks=pytest.mark.nightly)])
def test_a_run_killed_at_any_moment_ends_with_the_same_tables(
    tiny_study: Path, finished: Path, tmp_path: Path, times: int
) -> None:
    moments = random.Random(20261121)
    arguments = studies.command("run", tiny_study, "--home", tmp_path)
    for _ in range(times):
        run = subprocess.Popen(
            arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(moments.uniform(0.5, 12.0))
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    result = studies.factroots("run", tiny_study, "--home", tmp_path)
    assert result.exit_code == 0, result.stderr
    expected = studies.published_tables(finished / "factroots.duckdb")
    assert studies.published_tables(tmp_path / "tiny" / "factroots.duckdb") == expected
    assert not list(tmp_path.rglob("*.tmp"))
