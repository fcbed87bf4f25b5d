"""The steps: every lake table has one, and each can rely on those that it depends on."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dagster_project.runtime.workers import ThisProcess
from dagster_project.steps import libraries, occurrences
from dagster_project.steps.registry import STEP_OF_TABLE, STEPS, make_plan
from dagster_project.steps.step import CorpusTask, ModelStep, ModelTask, Step, StudyStep
from dagster_project.study.home import Home
from dagster_project.study.reference import json_schema
from dagster_project.study.resolve import resolve_study
from dagster_project.study.schema import FactsBlock, Study
from ingestion.contract import LAKE
from ingestion.lake import fingerprint
from models_gpu.loading.tokenizers import load_tokenizer
from models_gpu.methods.fact_choice import facts_in_most_languages

PROJECT = Path(__file__).resolve().parents[3]


def test_every_lake_table_is_computed_by_one_step() -> None:
    tables = [table for step in STEPS for table in step.tables]
    assert len(tables) == len(set(tables))
    # The run that builds the marts writes this one.
    assert set(tables) == LAKE.keys() - {"missing_models"}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_comes_after_those_that_it_depends_on(step: Step) -> None:
    for table in step.depends_on:
        earlier = STEP_OF_TABLE[table]
        assert STEPS.index(earlier) < STEPS.index(step)
        if isinstance(step, ModelStep) and isinstance(earlier, ModelStep):
            assert earlier.wave <= step.wave


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_is_described_and_named_after_its_module(step: Step) -> None:
    assert step.compute.__module__.rpartition(".")[2] == step.name
    assert step.description.endswith((".", "?"))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_that_a_study_can_lack_names_the_block_that_asks_for_it(step: Step) -> None:
    empty = Study(name="x", facts=FactsBlock("table"), models=())
    if isinstance(step, ModelStep):
        assert (step.settings(empty) is None) <= (step.block is not None)
    if isinstance(step, StudyStep):
        assert step.is_part_of(empty) or step.block is not None
    path, _, _ = (step.block or "name").partition(":")
    block: Any = json_schema()
    for key in path.split("."):
        # Optional blocks are in anyOf.
        block = next((each for each in block.get("anyOf", []) if "$ref" in each), block)
        if "$ref" in block:
            block = json_schema()["$defs"][block["$ref"].rpartition("/")[2]]
        block = block["properties"][key]


def imported(package: str) -> set[str]:
    """Top-level names of all modules that a package imports, also within functions."""
    found: set[str] = set()
    for path in (PROJECT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found


def test_every_library_that_computes_rows_is_declared_once_with_a_reason() -> None:
    used = imported("ingestion") | imported("models_gpu")
    # Imported by name, because it is an extra.
    used.add("hyperscan")
    used -= sys.stdlib_module_names | {"ingestion", "models_gpu"}
    in_fingerprints = {name for step in STEPS for name in step.libraries}
    declared = [in_fingerprints, libraries.RECORDED.keys(), libraries.STABLE.keys()]
    assert set.union(*map(set, declared)) == used
    assert sum(map(len, declared)) == len(used)


def test_a_new_version_of_a_library_that_changes_rows_makes_its_parts_stale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    step = STEP_OF_TABLE["occurrences"]
    before = step._fingerprint(("inputs",))
    monkeypatch.setattr(libraries.metadata, "version", lambda name: f"{name} of tomorrow")
    libraries.versions.cache_clear()
    try:
        assert step._fingerprint(("inputs",)) != before
        assert STEP_OF_TABLE["predictions"]._fingerprint(("a",)) == fingerprint(
            STEP_OF_TABLE["predictions"].code_version, "a"
        )
    finally:
        libraries.versions.cache_clear()


def test_a_step_without_chosen_facts_says_whether_any_fact_is_right(tmp_path: Path) -> None:
    """English knows a fact, but not the one that most languages know."""
    resolved = resolve_study("atlas", tmp_path, only_languages=["en"])
    task = ModelTask(
        resolved,
        None,
        resolved.models[0],
        None,
        ("en",),
        "",
        lambda *_: pl.DataFrame(),
        lambda *_: lambda *_: None,
    )
    right = {"en": ["f1"], "de": ["f2"], "fr": ["f2"], "it": []}
    chosen = facts_in_most_languages(right, 1)
    assert [code for code in right if not chosen[code]] == ["en", "it"]
    assert task.none_chosen("en", right["en"]) == (
        "none of the facts that are right in most languages is right in en"
    )
    assert task.none_chosen("it", right["it"]) == "no fact is right in it"


def test_the_embedded_aliases_are_a_table_for_restricted_studies_too(tmp_path: Path) -> None:
    study = tmp_path / "inside" / "mine.yml"
    study.parent.mkdir()
    study.write_text(
        "name: mine\nfacts: {kind: atlas}\nlanguages: [en]\ntracing: {aliases: atlas}\n"
        'models: [{id: m, source: "atlas:atlas-mlm"}]\n',
        encoding="utf-8",
    )
    resolved = resolve_study(str(study), tmp_path / "homes", restrict=study.parent)
    aliases = resolved.aliases()
    assert aliases is not None
    assert aliases.height == 61
    assert resolved.aliases_fingerprint
    plan = make_plan(resolved)
    assert [part.label for part in plan.parts() if part.table == "object_aliases"] == [
        "object_aliases m/en"
    ]


def test_a_corpus_loads_its_tokenizer_once_for_all_languages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved = resolve_study("atlas", tmp_path, only_languages=["en", "de"])
    (label, fact) = (
        {"fact_id": "f", "subject_label": "France", "object_label": "Paris"},
        {"fact_id": "f", "relation_id": "P36", "subject_id": "s", "object_id": "o"},
    )
    frames = {"fact_labels": pl.DataFrame([label]), "facts": pl.DataFrame([fact])}
    loaded = []

    def counted(*arguments: Any) -> Any:
        loaded.append(arguments)
        return load_tokenizer(*arguments)

    monkeypatch.setattr(occurrences, "load_tokenizer", counted)
    task = CorpusTask(
        resolved,
        Home(tmp_path / "atlas"),
        resolved.corpora[0],
        ("de", "en"),
        ThisProcess(),
        lambda table, place: frames[table].with_columns(**{k: pl.lit(v) for k, v in place.items()}),
    )
    sizes = [each.tables["corpus_sizes"] for each in occurrences.STEP.compute(task)]
    assert [frame["language_code"].item() for frame in sizes] == ["de", "en"]
    assert all(frame["chunk_count"].item() > 300 for frame in sizes)
    assert len({frame["tokenizer_hash"].item() for frame in sizes}) == 1
    assert len(loaded) == 1
