"""``factroots add-model``: checks the model, adds one line, and keeps the rest of the file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dagster_project.study.load import load_study
from tests.helpers import studies

HEAD = """\
# What we ask, and why.
name: tiny
facts: {kind: table, path: facts.csv}
"""
BLOCKS = """\
models:   # in the order of the paper
  - id: first
    source: ./first   # ours
  - {id: second, source: ./second, mask_counts: all}  # theirs

# The text that they read.
corpora:
  - {id: texts, kind: text, path: "texts/{language}.txt"}
"""
ADDED = "  - {id: fourth, source: ./fourth, mask_counts: all}\n"


@pytest.fixture
def study(tiny_study: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_study.parent, tmp_path / "study")
    studies.save_model(tmp_path / "study" / "fourth", "distilbert")
    return tmp_path / "study" / "tiny.yml"


def add(study: Path, model_id: str, *arguments: str) -> tuple[int, str]:
    result = studies.factroots(
        "add-model", study, model_id, *arguments, "--home", study.parent / "homes"
    )
    return result.exit_code, " ".join(result.stderr.split())


def test_a_model_is_added_below_the_others_and_comments_stay(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.write_text(HEAD + BLOCKS)
    monkeypatch.chdir(study.parent.parent)
    assert add(study, "fourth", "--source", "study/fourth", "--mask-counts", "all") == (0, "")
    assert study.read_text() == HEAD + BLOCKS.replace("  # theirs\n", "  # theirs\n" + ADDED)
    assert [model.id for model in load_study(str(study)).models] == ["first", "second", "fourth"]


def test_a_list_in_one_line_stays_in_one_line(study: Path) -> None:
    study.write_text(HEAD + "models: [{id: first, source: ./first}]  # one so far\n")
    assert add(study, "fourth", "--source", str(study.parent / "fourth"))[0] == 0
    line = study.read_text().splitlines()[-1]
    assert line.startswith("models: [{id: first, source: ./first}, {id: fourth, source: ")
    assert line.endswith("]  # one so far")


def test_the_spelling_of_the_rest_of_the_file_stays(study: Path) -> None:
    text = """\
name:   'tiny'
facts:  { kind: table,path: "facts.csv" }
languages: [en,
    "no"]
models:
-   id:     first
    source: "./first"

refresh:    # never
    watch:  no
"""
    study.write_text(text)
    assert add(study, "no", "--source", str(study.parent / "fourth"))[0] == 0
    entry = f"- {{id: 'no', source: {study.parent / 'fourth'}}}\n"
    assert study.read_text() == text.replace('"./first"\n', '"./first"\n' + entry)


@pytest.mark.parametrize(
    ("model_id", "source", "words"),
    [
        ("second", "fourth", "has a model 'second' already"),
        ("a/b", "fourth", "an id starts with a letter or digit"),
        ("fourth", "nowhere", "nowhere"),
        ("fourth", "texts", "there is no config.json"),
    ],
)
def test_a_model_that_cannot_be_added_leaves_the_file_as_it_was(
    study: Path, monkeypatch: pytest.MonkeyPatch, model_id: str, source: str, words: str
) -> None:
    before = study.read_text()
    monkeypatch.chdir(study.parent)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code, error = add(study, model_id, "--source", f"./{source}")
    assert code == 2
    assert words in error
    assert error.count(f"model '{model_id}'") <= 1
    assert "Traceback" not in error
    assert study.read_text() == before
    assert not list(study.parent.glob(".*"))


def test_weights_that_do_not_load_are_found_before_the_file_is_touched(study: Path) -> None:
    before = study.read_text()
    weights = study.parent / "fourth" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    code, error = add(study, "fourth", "--source", str(study.parent / "fourth"))
    assert code == 2
    assert "model.safetensors" in error
    assert study.read_text() == before


def test_a_study_of_the_project_is_not_changed() -> None:
    result = studies.factroots("add-model", "atlas", "mine", "--source", "./mine")
    assert result.exit_code == 2
    assert "copy" in result.stderr


def test_what_was_edited_while_the_model_was_loaded_is_kept(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.write_text(HEAD + BLOCKS)

    def load_slowly(*_: object) -> None:
        text = study.read_text().replace("# theirs", "# edited")
        study.write_text(text.replace("\n\n# The", "\n  - {id: third, source: ./third}\n\n# The"))

    monkeypatch.setattr("dagster_project.study.add_model._load", load_slowly)
    assert add(study, "fourth", "--source", str(study.parent / "fourth"))[0] == 0
    models = [model.id for model in load_study(str(study)).models]
    assert models == ["first", "second", "third", "fourth"]
    assert "# edited" in study.read_text()


def test_a_model_that_another_process_added_meanwhile_is_not_added_twice(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.write_text(HEAD + BLOCKS)

    def added_by_another(*_: object) -> None:
        study.write_text(study.read_text().replace("  - id: first", f"{ADDED}  - id: first"))

    monkeypatch.setattr("dagster_project.study.add_model._load", added_by_another)
    status, said = add(study, "fourth", "--source", str(study.parent / "fourth"))
    assert status == 2
    assert "has a model 'fourth' already" in said
    assert study.read_text().count("id: fourth") == 1


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_the_ends_of_lines_are_kept(study: Path, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    study.write_bytes((HEAD + BLOCKS).replace("\n", end).encode())
    monkeypatch.setattr("dagster_project.study.add_model._load", lambda *_: None)
    monkeypatch.chdir(study.parent)
    arguments = ("--source", "./fourth", "--mask-counts", "all")
    assert add(study, "fourth", *arguments) == (0, "")
    wanted = HEAD + BLOCKS.replace("  # theirs\n", "  # theirs\n" + ADDED)
    assert study.read_bytes().decode() == wanted.replace("\n", end)
