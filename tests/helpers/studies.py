"""A study small enough to run end to end in seconds: real architecture, real files, few facts."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import duckdb
from click.testing import CliRunner, Result

from dagster_project.cli.main import main
from tests.helpers import tiny_models

CAPITALS = ["Paris", "Berlin", "Roma", "Wien", "Bern", "Lima", "Oslo", "Riga"]
COUNTRIES = ["France", "Germany", "Italia", "Austria", "Peru", "Norway", "Latvia", "France"]
TEMPLATES = {
    "en": ("[X] is the capital of [Y] .", "[X] was born in [Y] town ."),
    "de": ("[X] : capital of [Y]", "[X] born in the city [Y]"),
    "it": ("the capital [X] of [Y]", "the town of [X] was [Y] ."),
}
STUDY = """\
name: tiny
facts: {kind: table, path: facts.csv}
languages: all
attribution:
  probeless: {top: 5, bins: 4, forced: 6, variants: [ffn, ffn-normalised]}
  integrated_gradients:
    {mode: amig_mean, steps: 2, languages: [en, de], facts: 4, top: 10, forced: 6}
  edits: {languages: [en, de], facts: 3, threshold: 0, base_language: en}
  degenerate: {languages: [en], facts: 2, candidates: 3, random_pairs: 2, largest_set: 3}
  fact_checks: {languages: [en], facts: 2, candidates: 3, validation_share: 0.3, test_share: 0.3}
models:
  - {id: first, source: ./first}
  - {id: second, source: ./second, mask_counts: all}
  - {id: third, source: ./third}
corpora:
  - {id: texts, kind: text, path: "texts/{language}.txt"}
"""
FAMILIES = {"first": "bert", "second": "xlm-roberta", "third": "gpt2"}
"""Two masked models and a causal one."""
TEXTS = {
    "en": "Paris is the capital of France.\nBerlin lies far from Bern.\nRomans: Roma. Italia!\n",
    "de": "Oslo in Norway und Riga in Latvia.\n",
    "it": "Nothing of the kind stands here.\n",
}
"""Names Paris with France and Roma with Italia (en), Oslo with its Latvia (de), no fact (it)."""


def write_study(folder: Path) -> Path:
    """Facts, three models and the study file; returns the study file."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "facts.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        names = "language,relation,template,subject,object,subject_id,object_id"
        writer.writerow(names.split(","))
        for language, (capital, born) in TEMPLATES.items():
            for city, country in zip(CAPITALS, COUNTRIES, strict=True):
                writer.writerow([language, "P36", capital, city, country, city, country])
                if language != "it":
                    row = [language, "P19", born, f"Marie {country}", city, f"M{country}", city]
                    writer.writerow(row)
    for language, text in TEXTS.items():
        (folder / "texts").mkdir(exist_ok=True)
        (folder / "texts" / f"{language}.txt").write_text(text, encoding="utf-8")
    for name, family in FAMILIES.items():
        save_model(folder / name, family)
    study = folder / "tiny.yml"
    study.write_text(STUDY, encoding="utf-8")
    return study


def save_model(folder: Path, family: str) -> None:
    """A tiny model of this family with its tokenizer, as transformers saves it."""
    tokenizer = tiny_models.tokenizer_of(family)
    tokenizer.save_pretrained(folder)
    tiny_models.hugging_face_model(family, len(tokenizer)).save_pretrained(folder)


SECRETS = {
    "HF_TOKEN": "hf_3RtGq0secretOfTheHub",
    "AWS_ACCESS_KEY_ID": "AKIA7secretKeyId",
    "AWS_SECRET_ACCESS_KEY": "s3cretKeyOfTheStore",
}
"""What a run finds in its environment, and tells nobody."""


def factroots_process(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line as a person would, with secrets in the environment."""
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
        env=os.environ | SECRETS,
    )


def factroots(*arguments: str | Path) -> Result:
    """Run the command line in this process, which has imported torch and Dagster already."""
    return CliRunner().invoke(main, [os.fspath(argument) for argument in arguments])


def command(*arguments: str | Path) -> list[str]:
    """The command line of ``factroots`` in this environment."""
    return [sys.executable, "-m", "dagster_project.cli.main", *map(os.fspath, arguments)]


UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
"""Dagster's states of a run that is not over."""


def published_tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables of the schema main, in the order in which the file has them."""
    with duckdb.connect(path, read_only=True) as connection:
        names = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'main' order by all"
        ).fetchall()
        return {name: connection.table(f"main.{name}").fetchall() for (name,) in names}
