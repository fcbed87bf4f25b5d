"""Doors to other tools: a data set for the Hugging Face hub, tasks of lm-evaluation-harness."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest
import yaml
from huggingface_hub import DatasetCard

from dagster_project.study.licences import study_materials
from dagster_project.study.load import load_study
from tests.helpers import studies
from warehouse.hugging_face import LicenceError, export_dataset, refuse_non_commercial


def test_a_data_set_has_a_card_with_one_configuration_per_table(
    finished: Path, tiny_study: Path, tmp_path: Path
) -> None:
    done = studies.factroots(
        "export", tiny_study, "--home", finished.parent, "--format", "hf", "--to", tmp_path / "hf"
    )
    assert done.exit_code == 0, done.output
    card = DatasetCard.load(tmp_path / "hf" / "README.md")
    assert card.data.language == ["de", "en", "it"]
    # The licence of a table of one's own is not ours to name.
    assert card.data.license == "unknown"
    configs = {config["config_name"]: config for config in card.data.configs}
    assert sum(config.get("default", False) for config in configs.values()) == 1
    with duckdb.connect(finished / "factroots.duckdb", read_only=True) as connection:
        for name, config in configs.items():
            rows = pl.read_parquet(tmp_path / "hf" / config["data_files"])
            [(count,)] = connection.sql(f"select count(*) from {name}").fetchall()
            assert rows.height == count
            assert f"| `{name}` | {count:,} | " in card.text
    assert "fct_predictions" in configs


def test_non_commercial_facts_are_refused_without_the_flag(home: Path, tmp_path: Path) -> None:
    published = home / "factroots.duckdb"
    with duckdb.connect(published) as connection:
        connection.execute(
            "update operations.materials set title = 'mLAMA 1.1', licence_url = 'https://x.org', "
            "licence_code = 'CC-BY-NC-SA-4.0' where material_code = 'facts'"
        )
    with pytest.raises(LicenceError, match=r"mLAMA 1.1 is under CC-BY-NC-SA-4.0.*--non-commercial"):
        export_dataset(published, tmp_path / "hf", "tiny")
    assert not (tmp_path / "hf").exists()
    export_dataset(published, tmp_path / "hf", "tiny", ["dim_facts"], non_commercial=True)
    card = DatasetCard.load(tmp_path / "hf" / "README.md")
    assert card.data.license == "cc-by-nc-sa-4.0"
    assert "[CC-BY-NC-SA-4.0](https://x.org)" in card.text


def test_the_official_facts_are_those_that_are_refused(tmp_path: Path) -> None:
    refused = []
    for kind in ("mlama", "bmlama", "atlas", "table"):
        study = tmp_path / f"{kind}.yml"
        path = "" if kind == "atlas" else ", path: x"
        study.write_text(
            f"name: s\nfacts: {{kind: {kind}{path}}}\nlanguages: all\n"
            "models: [{id: a, source: b}]\n"
        )
        materials = study_materials(load_study(str(study)))
        try:
            refuse_non_commercial([(each.title, each.licence) for each in materials], False)
        except LicenceError:
            refused.append(kind)
    assert refused == ["mlama"]


def test_tasks_have_every_question_that_a_causal_model_can_be_asked(
    finished: Path, tiny_study: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tasks"
    done = studies.factroots(
        "export", tiny_study, "--home", finished.parent, "--format", "lm-eval", "--to", folder
    )
    assert done.exit_code == 0, done.output
    group = yaml.safe_load((folder / "_group.yaml").read_text(encoding="utf-8"))
    assert group["task"] == [f"factroots_tiny_{code}" for code in ("de", "en", "it")]
    asked = [json.loads(line) for line in (folder / "de.jsonl").read_text().splitlines()]
    assert len(asked) == 16
    first = next(row for row in asked if row["prompt"].startswith("Paris"))
    assert (first["prompt"], first["object"]) == ("Paris : capital of ", "France")


def test_the_harness_finds_the_same_p_at_1(
    finished: Path, tiny_study: Path, tmp_path: Path
) -> None:
    """Atlas' causal model would take minutes; the tiny one is wrong more often."""
    pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed")
    folder = tmp_path / "tasks"
    studies.factroots(
        "export", tiny_study, "--home", finished.parent, "--format", "lm-eval", "--to", folder
    )
    model = f"pretrained={tiny_study.parent / 'third'},dtype=float32"
    command = [sys.executable, "-m", "lm_eval", "--model", "hf", "--model_args", model]
    command += ["--tasks", "factroots_tiny", "--include_path", str(folder), "--device", "cpu"]
    command += ["--output_path", str(tmp_path / "results")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [file] = (tmp_path / "results").rglob("results_*.json")
    results = json.loads(file.read_text())["results"]
    with duckdb.connect(finished / "factroots.duckdb", read_only=True) as connection:
        expected = connection.sql(
            "select language_code, full_match_rate from p_at_1_by_language where model_id = 'third'"
        ).fetchall()
    assert len(expected) == 3
    for language, rate in expected:
        found = results[f"factroots_tiny_{language}"]["acc,none"]
        assert found == pytest.approx(rate), language
