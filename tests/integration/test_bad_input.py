"""Bad input: one clear error that says what, where and what to do, before anything runs."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import duckdb
import pytest
import torch
from safetensors.torch import load_file, save_file

from dagster_project.runtime.compute import compute_study
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.registry import STEPS
from dagster_project.steps.step import StudyStep
from tests.helpers import studies

MLAMA = """\
name: bad
facts: {{kind: mlama, path: {path}}}
models:
  - {{id: first, source: ./first}}
"""


@pytest.fixture
def study(tiny_study: Path, tmp_path: Path) -> Path:
    """A copy of the tiny study that a test may change."""
    shutil.copytree(tiny_study.parent, tmp_path / "study")
    return tmp_path / "study" / "tiny.yml"


def refused(study: Path, tmp_path: Path) -> str:
    """Standard error of a run that must end with status 2, no traceback and no work done."""
    homes = tmp_path / "homes"
    result = studies.factroots("run", study, "--home", homes)
    assert result.exit_code == 2, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert not list(homes.glob("*/lake/facts/facts.parquet"))
    return " ".join(result.stderr.split())


def line_of(study: Path, words: str) -> int:
    """Line of the study file that contains these words."""
    lines = study.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if words in line)


def test_unknown_keys_languages_and_models_are_reported_together(
    study: Path, tmp_path: Path
) -> None:
    text = study.read_text().replace("languages: all", "langauges: all\nlanguages: [en, dee]")
    study.write_text(text.replace("models:", "models:\n  - {id: gone, source: ./nowhere}"))
    error = refused(study, tmp_path)
    # The three, and two blocks of the study that name a language which is now left out.
    assert "5 problems in study" in error
    assert "tiny.yml:3: unknown key 'langauges'. Did you mean 'languages'?" in error
    assert "tiny.yml:4: the facts have no language 'dee'. Did you mean 'de'?" in error
    assert f"tiny.yml:{line_of(study, 'id: gone')}: model 'gone'" in error


def test_a_checkpoint_that_is_not_made_yet_names_the_command(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_project.study.resolve_models.ATLAS_CHECKPOINTS", tmp_path / "none")
    models = """models:
  - {id: atlas-mlm-step5, source: "atlas:atlas-mlm-step5"}
  - {id: misspelt, source: "atlas:atlas-mml"}
"""
    study.write_text(study.read_text().replace("models:\n", models))
    error = refused(study, tmp_path)
    assert "'atlas-mlm-step5' is not made yet: run `make atlas-checkpoints`" in error
    assert "no embedded model 'atlas-mml'. Did you mean 'atlas-mlm'" in error


def test_weights_of_the_study_real_that_are_not_fetched_name_the_command(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_project.study.resolve_models.REAL_WEIGHTS", study.parent / "build")
    models = "models:\n  - {id: gemma, source: ../study/build/gemma.gguf}\n"
    study.write_text(study.read_text().replace("models:\n", models))
    assert "model 'gemma': gemma.gguf is not fetched yet: run `make real`" in refused(
        study, tmp_path
    )


def test_languages_of_a_corpus_that_fail_for_one_reason_are_one_problem(
    study: Path, tmp_path: Path
) -> None:
    """A missing folder, and a host that cannot be reached."""
    (study.parent / "texts" / "de.txt").unlink()
    corpora = """tracing: {units: [sentence, article]}
corpora:
  - {id: moved, kind: text, path: "moved/{language}/all.txt"}
  - {id: far, kind: parquet, path: "https://nowhere.invalid/{language}.parquet"}
"""
    study.write_text(study.read_text().replace("corpora:\n", corpora))
    error = refused(study, tmp_path)
    assert "3 problems in study" in error
    assert "corpus 'moved', 3 languages (de, en, it): no file matches 'moved/{language}/" in error
    assert "corpus 'far', 3 languages (de, en, it): no file matches 'https://nowhere.inv" in error
    assert "corpus 'texts': no file matches 'texts/de.txt' (language 'de')" in error


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("no weights", ["no weights"]),
        ("other vocabulary", ["20 embeddings", "vocab_size 121"]),
        ("pickle only", ["pickle", "safetensors"]),
        ("cut weights", ["model.safetensors"]),
        ("unknown family", ["archi", "bert"]),
    ],
)
def test_a_model_that_cannot_be_used_is_named_with_its_line(
    study: Path, tmp_path: Path, spoil: str, words: list[str]
) -> None:
    folder = study.parent / "first"
    weights = folder / "model.safetensors"
    config = folder / "config.json"
    if spoil == "no weights":
        weights.unlink()
    elif spoil == "other vocabulary":
        tensors = load_file(weights)
        name = "bert.embeddings.word_embeddings.weight"
        tensors[name] = tensors[name][:20].contiguous()
        save_file(tensors, weights, metadata={"format": "pt"})
    elif spoil == "pickle only":
        torch.save(load_file(weights), folder / "pytorch_model.bin")
        weights.unlink()
    elif spoil == "cut weights":
        weights.write_bytes(weights.read_bytes()[:1000])
    else:
        settings = json.loads(config.read_text()) | {
            "model_type": "bertt",
            "architectures": ["BerttForMaskedLM"],
        }
        config.write_text(json.dumps(settings))
    error = refused(study, tmp_path)
    assert f"tiny.yml:{line_of(study, 'id: first')}: model 'first'" in error
    for word in words:
        assert word in error


def mlama_zip(path: Path, **files: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/") + ".jsonl", text)
    return path


def fact(number: int, subject: str = "Paris", **changes: object) -> str:
    row = {
        "sub_uri": f"Q{number}",
        "obj_uri": "Q142",
        "sub_label": subject,
        "obj_label": "France",
        "lineid": number,
        "uuid": f"u{number}",
    }
    return json.dumps(row | changes)


TEMPLATE = '{"relation": "P36", "template": "[X] is the capital of [Y] ."}'


def mlama_study(study: Path, path: Path) -> Path:
    spoiled = study.with_name("bad.yml")
    spoiled.write_text(MLAMA.format(path=path))
    return spoiled


def test_a_truncated_zip_is_named(study: Path, tmp_path: Path) -> None:
    path = mlama_zip(tmp_path / "m.zip", en__templates=TEMPLATE, en__P36=fact(1))
    path.write_bytes(path.read_bytes()[:-40])
    error = refused(mlama_study(study, path), tmp_path)
    assert "bad.yml:2: facts:" in error
    assert "m.zip" in error


def test_a_zip_that_points_outside_is_refused_by_entry(study: Path, tmp_path: Path) -> None:
    path = mlama_zip(tmp_path / "m.zip", en__templates=TEMPLATE, en__P36=fact(1))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../x.jsonl", fact(2))
    assert "'../x.jsonl'" in refused(mlama_study(study, path), tmp_path)


@pytest.mark.nightly
def test_broken_lines_are_listed_in_the_warehouse_and_over_the_limit_stop_the_run(
    study: Path, tmp_path: Path
) -> None:
    lines = [fact(i, f"City {i}") for i in range(60)]
    lines[10] = "{not json"
    lines[20] = fact(20, obj_label=" ")
    path = mlama_zip(
        tmp_path / "m.zip",
        en__templates=TEMPLATE + '\n{"relation": "P19", "template": "[X] was born"}',
        en__P36="\n".join(lines),
    )
    bad = mlama_study(study, path)
    homes = tmp_path / "homes"
    stopped = studies.factroots("run", bad, "--home", homes)
    assert stopped.exit_code == 2
    assert "P36.jsonl" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    bad.write_text(bad.read_text().replace("{kind: mlama", "{max_rejected_rate: 0.2, kind: mlama"))
    assert studies.factroots("run", bad, "--home", homes).exit_code == 0
    with duckdb.connect(homes / "bad" / "factroots.duckdb", read_only=True) as connection:
        rows = connection.execute(
            "select source_file, line_number, reason from rejected_rows order by all"
        ).fetchall()
    assert [(file, line) for file, line, _ in rows] == [
        ("en/P36.jsonl", 11),
        ("en/P36.jsonl", 21),
        ("en/templates.jsonl", 2),
    ]
    assert "[Y]" in rows[2][2]


def test_a_second_run_at_the_same_time_is_refused_and_names_the_first(
    tiny_study: Path, finished: Path, tmp_path: Path
) -> None:
    from dagster_project.study.home import Home

    shutil.copytree(finished, tmp_path / "tiny")
    with Home(tmp_path / "tiny").lock():
        result = studies.factroots("run", tiny_study, "--home", tmp_path)
    assert result.exit_code == 2
    assert "another run of this study is at work" in " ".join(result.stderr.split())


def test_a_home_that_cannot_be_made_is_named(tiny_study: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    result = studies.factroots("run", tiny_study, "--home", tmp_path / "file" / "homes")
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr
    assert "--home" in result.stderr


def test_more_neurons_than_a_model_has_are_named_before_anything_runs(
    study: Path, tmp_path: Path
) -> None:
    sound = study.read_text()
    changed = sound.replace("{top: 5, bins: 4", "{top: 97, bins: 49").replace("top: 10", "top: 999")
    study.write_text(changed)
    first = refused(study, tmp_path)
    for words in (
        "tiny.yml:4: attribution.probeless: bins is 49; a layer of model 'first' has 48 neurons",
        "tiny.yml:4: attribution.probeless: top is 97; model 'first' has 96 neurons",
        "attribution.integrated_gradients: top is 999; model 'third' has",
    ):
        assert words in first
    # A model that the lake describes is not inspected again.
    study.write_text(sound)
    workspace = Workspace(str(study), tmp_path / "homes")
    (models,) = (step for step in STEPS if step.name == "models")
    assert isinstance(models, StudyStep)
    compute_study(workspace, models)
    study.write_text(changed)
    assert refused(study, tmp_path) == first
