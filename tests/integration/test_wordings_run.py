"""Facts in other words: a wording gives what a study gives whose only template it is."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from dagster_project.runtime.compute import compute_models, compute_study
from dagster_project.runtime.workers import ThisProcess
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.registry import STEPS
from dagster_project.steps.step import ModelStep, StudyStep
from dagster_project.study.load import load_study
from dagster_project.study.resolve import resolve_study
from dagster_project.study.schema import StudyError
from ingestion.facts import FactsError
from tests.helpers import studies

STUDY = """\
name: tiny
facts: {kind: table, path: facts.csv, wordings: words.csv}
wordings: {languages: [en], templates: 2}
languages: [de, en]
attribution: {probeless: {top: 5, bins: 4, forced: 50}}
models:
  - {id: first, source: ./first}
"""
PLAIN = STUDY.replace(", wordings: words.csv", "").replace(
    "wordings: {languages: [en], templates: 2}\n", ""
)
OTHER = "[Y] has the capital [X] ."
WORDS = f"language,relation,template\nen,P36,{OTHER}\nen,P36,[X] , [Y]\nen,P36,one [X] more [Y]\n"


def run(folder: Path) -> Workspace:
    """Compute everything that the study in a folder needs."""
    workspace = Workspace(str(folder / "tiny.yml"), folder / "homes")
    for step in STEPS:
        if isinstance(step, StudyStep):
            compute_study(workspace, step)
        elif isinstance(step, ModelStep):
            list(compute_models(workspace, ThisProcess(), step, {"first": ("de", "en")}))
    return workspace


@pytest.fixture(scope="module")
def worded(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("worded")
    studies.write_study(folder)
    (folder / "tiny.yml").write_text(STUDY, encoding="utf-8")
    (folder / "words.csv").write_text(WORDS, encoding="utf-8")
    return run(folder)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The same facts with the second wording as their only template."""
    folder = tmp_path_factory.mktemp("plain")
    studies.write_study(folder)
    facts = (folder / "facts.csv").read_text(encoding="utf-8")
    (folder / "facts.csv").write_text(facts.replace(studies.TEMPLATES["en"][0], OTHER))
    (folder / "tiny.yml").write_text(PLAIN, encoding="utf-8")
    return run(folder)


PLACE = {"model_id": "first", "language_code": "en"}


def test_an_answer_in_other_words_is_that_of_a_study_with_these_words(
    worded: Workspace, plain: Workspace
) -> None:
    rows = worded.read("wording_predictions", PLACE)
    assert rows["template_id"].unique().sort().to_list() == ["2", "3"]
    second = rows.filter(pl.col("template_id") == "2").drop("template_id")
    facts = plain.read("facts", {}).filter(pl.col("relation_id") == "P36").select("fact_id")
    expected = plain.read("predictions", PLACE).join(facts, on="fact_id").sort("fact_id")
    assert second.height == 8
    assert second.equals(expected.select(second.columns))


def test_neurons_of_a_wording_are_those_of_a_study_with_these_words(
    worded: Workspace, plain: Workspace
) -> None:
    rows = worded.read("wording_neurons", PLACE)
    assert rows["template_id"].unique().sort().to_list() == ["1", "2", "3"]
    second = rows.filter(pl.col("template_id") == "2").drop("template_id")
    key = ["fact_id", "neuron_rank", "layer_index", "neuron_index"]
    both = second.join(plain.read("active_neurons", PLACE), on=key, suffix="_plain")
    assert both.height == second.height == 8 * 5
    assert (both["neuron_score"] - both["neuron_score_plain"]).abs().max() < 1e-5  # type: ignore[operator]


def test_other_wordings_change_no_other_part(worded: Workspace, plain: Workspace) -> None:
    tables = {"predictions", "active_neurons", "fact_labels"}
    folder = worded.study.path.parent
    (folder / "plain.yml").write_text(PLAIN, encoding="utf-8")
    alone = Workspace(str(folder / "plain.yml"), folder / "homes").plan
    own = {part.label: part.fingerprint for part in worded.plan.parts() if part.table in tables}
    assert own == {p.label: p.fingerprint for p in alone.parts() if p.table in tables}
    assert not [part for part in plain.plan.parts() if "wording" in part.table]


def test_a_sample_asks_the_same_facts_in_each_wording(tmp_path: Path) -> None:
    studies.write_study(tmp_path)
    text = STUDY.replace("templates: 2", "templates: 1, sample: 3")
    (tmp_path / "tiny.yml").write_text(text, encoding="utf-8")
    (tmp_path / "words.csv").write_text(WORDS, encoding="utf-8")
    workspace = run(tmp_path)
    asked = workspace.read("wording_predictions", PLACE)
    assert asked["template_id"].unique().to_list() == ["2"]
    assert asked["fact_id"].n_unique() == 3
    neurons = workspace.read("wording_neurons", PLACE)
    assert set(neurons["fact_id"]) == set(asked["fact_id"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((", wordings: words.csv", ""), "facts of kind table have one template per relation"),
        (("wordings: {languages: [en], templates: 2}\n", ""), "add 'wordings: {}'"),
        (("languages: [en], t", "languages: [eng], t"), "no language 'eng'. Did you mean 'en'"),
        (("words.csv", "word.csv"), "facts.wordings: cannot read"),
    ],
)
def test_wordings_that_cannot_be_asked_are_named(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    studies.write_study(tmp_path)
    (tmp_path / "words.csv").write_text(WORDS, encoding="utf-8")
    (tmp_path / "tiny.yml").write_text(STUDY.replace(*change), encoding="utf-8")
    with pytest.raises(StudyError, match=message):
        resolve_study(str(tmp_path / "tiny.yml"), tmp_path)


def test_a_file_without_a_template_for_the_study_is_named(tmp_path: Path) -> None:
    studies.write_study(tmp_path)
    (tmp_path / "words.csv").write_text(WORDS.replace("P36", "P99"), encoding="utf-8")
    (tmp_path / "tiny.yml").write_text(STUDY, encoding="utf-8")
    workspace = Workspace(str(tmp_path / "tiny.yml"), tmp_path / "homes")
    facts, wordings = (step for step in STEPS if step.name in ("facts", "wordings"))
    assert isinstance(facts, StudyStep)
    assert isinstance(wordings, StudyStep)
    compute_study(workspace, facts)
    with pytest.raises(FactsError, match=r"no further template for the study's relations \(P19"):
        compute_study(workspace, wordings)


def test_lines_and_aliases_of_nothing_that_the_study_has_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    studies.write_study(tmp_path)
    others = "EN,P36,[X] a [Y]\nen,P 36,[X] b [Y]\ne\u200bn,P36,[X] c [Y]\n"
    (tmp_path / "words.csv").write_text(WORDS + others, encoding="utf-8")
    names = "language_code,entity_id,alias\nEN,Paris,a\nen,Pariss,b\nen,Q999,c\nen ,Paris,d\n"
    (tmp_path / "aliases.csv").write_text(names, encoding="utf-8")
    text = STUDY + "tracing: {aliases: aliases.csv}\n"
    (tmp_path / "tiny.yml").write_text(text, encoding="utf-8")
    workspace = run(tmp_path)
    assert workspace.read("wordings", {"language_code": "en"})["template"][-1] == "[X] c [Y]"
    told = [each.getMessage() for each in caplog.records if "left out" in each.getMessage()]
    assert told == [
        "wordings: 2 of 6 lines are left out, because the study does not have their languages "
        "'EN' (did you mean 'en'?), and relations 'P 36' (did you mean 'P36'?)",
        "aliases: 3 of 4 rows are left out, because the study does not have their languages "
        "'EN' (did you mean 'en'?), and entities 'Pariss' (did you mean 'Paris'?), 'Q999'",
    ]


def test_a_restricted_study_reads_no_wordings_elsewhere(tmp_path: Path) -> None:
    studies.write_study(tmp_path / "own")
    (tmp_path / "words.csv").write_text(WORDS, encoding="utf-8")
    text = STUDY.replace("words.csv", "../words.csv")
    (tmp_path / "own" / "tiny.yml").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=r"facts: '\.\./words\.csv' leads out of"):
        resolve_study(str(tmp_path / "own" / "tiny.yml"), tmp_path, restrict=tmp_path / "own")
    assert load_study(str(tmp_path / "own" / "tiny.yml")).wordings is not None
