"""A restricted study keeps to its folder, and runs no code of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_project.study.load import load_study
from dagster_project.study.sandbox import outside

STUDY = """\
name: guest
facts: {{kind: table, path: {facts}, language_table: {languages}}}
models:
  - {{id: one, source: {model}{permission}}}
corpora:
  - {{id: text, kind: text, path: "{corpus}"}}
tracing: {{aliases: {aliases}}}
lake: {lake}
"""
INSIDE = {
    "facts": "facts.csv",
    "languages": "languages.csv",
    "model": "./model",
    "permission": "",
    "corpus": "texts/{language}*.txt",
    "aliases": "aliases.csv",
    "lake": "lakes",
}


def problems(folder: Path, **changed: str) -> list[str]:
    (folder / "texts").mkdir(parents=True, exist_ok=True)
    (folder / "texts" / "en.txt").touch()
    (folder / "study.yml").write_text(STUDY.format(**INSIDE | changed), encoding="utf-8")
    return [
        f"{problem.line} {problem.message}"
        for problem in outside(load_study(str(folder / "study.yml")), folder)
    ]


def test_a_study_that_keeps_inside_is_allowed_and_so_is_a_model_of_the_hub(tmp_path: Path) -> None:
    assert problems(tmp_path) == []
    assert problems(tmp_path, model="google-bert/bert-base-multilingual-cased") == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"facts": "../facts.csv"}, "2 facts: '../facts.csv' leads out"),
        ({"facts": "/etc/passwd"}, "2 facts: '/etc/passwd' leads out"),
        ({"facts": "~/facts.csv"}, "2 facts: '~/facts.csv' leads out"),
        ({"languages": "../mine.csv"}, "2 facts: '../mine.csv' leads out"),
        ({"model": "../model"}, "4 model 'one': '../model' leads out"),
        ({"model": "a/../../model"}, "4 model 'one': 'a/../../model' leads out"),
        ({"corpus": "../{language}/*.txt"}, "6 corpus 'text': '../{language}/*.txt' leads out"),
        ({"corpus": "s3://theirs/{language}.txt"}, "6 corpus 'text': 's3://theirs/{language}.txt'"),
        ({"corpus": "file:///etc/passwd"}, "6 corpus 'text': 'file:///etc/passwd' is an address"),
        ({"aliases": "../aliases.csv"}, "7 tracing: '../aliases.csv' leads out"),
        ({"lake": "s3://theirs/lakes"}, "8 lake: 's3://theirs/lakes' is an address"),
        ({"lake": "../lakes"}, "8 lake: '../lakes' leads out"),
        ({"permission": ", allow_pickle: true"}, "4 model 'one': allow_pickle would run code"),
        ({"permission": ", trust_remote_code: true"}, "4 model 'one': trust_remote_code would run"),
    ],
)
def test_each_way_out_is_named_with_its_line(
    tmp_path: Path, changed: dict[str, str], said: str
) -> None:
    (found,) = problems(tmp_path / "guest", **changed)
    assert found.startswith(said)


def test_a_link_that_leads_out_is_found_behind_a_wildcard_and_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "guest"
    (folder / "texts").mkdir(parents=True)
    (folder / "model").mkdir()
    (tmp_path / "secret.txt").touch()
    (folder / "texts" / "de.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "model" / "config.json").symlink_to(tmp_path / "secret.txt")
    assert len(problems(folder)) == 2


def test_a_name_that_is_a_folder_here_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theirs" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    (found,) = problems(tmp_path / "guest", model="theirs/model")
    assert found.startswith("4 model 'one': ")
    assert "leads out" in found


def test_the_file_of_the_study_itself_lies_inside(tmp_path: Path) -> None:
    (tmp_path / "guest").mkdir()
    problems(tmp_path)
    (found,) = outside(load_study(str(tmp_path / "study.yml")), tmp_path / "guest")[:1]
    assert "the study file lies outside" in found.message
