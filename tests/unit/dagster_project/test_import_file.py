"""Files of others in a study: how they get into it, what they make of its plan, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_project.steps.plan import Plan
from dagster_project.steps.registry import make_plan
from dagster_project.study.import_file import import_file
from dagster_project.study.load import load_study
from dagster_project.study.resolve import resolve_study
from dagster_project.study.schema import StudyError
from ingestion.imports import ImportKind

STUDY = """\
name: mine   # a comment that stays
facts: {kind: table, path: facts.csv}
tracing: {units: [article]}
models:
  - {id: named, predictions: theirs.csv}
"""
FACTS = """\
language,relation,template,subject,object,subject_id,object_id
en,P36,[X] is the capital of [Y] .,Paris,France,Q1,Q2
en,P36,[X] is the capital of [Y] .,Rome,Italy,Q3,Q4
de,P36,Hauptstadt von [Y]: [X] .,Paris,Frankreich,Q1,Q2
"""
THEIRS = """\
language_code,relation_id,subject_id,object_id,predicted_text
en,P36,Q1,Q2,France
en,P36,Q3,Q4,Spain
en,P36,Q9,Q4,Spain
fr,P36,Q1,Q2,France
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("mine.yml", STUDY), ("facts.csv", FACTS), ("theirs.csv", THEIRS)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    ids = "language_code,relation_id,subject_id,object_id"
    (tmp_path / "neurons.csv").write_text(f"{ids},layer_index,neuron_index\nen,P36,Q1,Q2,0,3\n")
    (tmp_path / "counts.csv").write_text(f"{ids},shared_count\nde,P36,Q1,Q2,4\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "mine.yml"


def plan_of(study: Path) -> Plan:
    return make_plan(resolve_study(str(study), study.parent / "homes"))


def test_three_files_become_lines_of_the_study(study: Path) -> None:
    homes = study.parent / "homes"
    found = import_file(
        str(study), "predictions", Path("theirs.csv"), "xfactr", homes,
        made_by="Jiang et al. 2020", objective="masked",
    )  # fmt: skip
    assert (found.fact_counts, found.other_count, found.is_new) == (
        {"de": (1, 0), "en": (2, 2)},
        2,
        True,
    )
    import_file(str(study), "neurons", Path("neurons.csv"), "xfactr", homes)
    import_file(str(study), "presence", Path("counts.csv"), "dolma", homes)
    # A second time nothing is written.
    assert not import_file(str(study), "presence", Path("counts.csv"), "dolma", homes).is_new
    assert study.read_text(encoding="utf-8") == STUDY + (
        "  - {id: xfactr, predictions: theirs.csv, objective: masked, made_by: Jiang et al. 2020, "
        "neurons: neurons.csv}\n"
        "corpora:\n"
        "  - {id: dolma, kind: presence, path: counts.csv}\n"
    )  # fmt: skip
    plan = plan_of(study)
    tables = {(part.table, *part.partition.values()) for part in plan.parts()}
    assert {key for key in tables if "xfactr" in key or "dolma" in key} == {
        ("predictions", "xfactr", "en"), ("active_neurons", "xfactr", "en"),
        ("neuron_profiles", "xfactr", "en"), ("unscored_facts", "xfactr", "en"),
        ("occurrences", "dolma", "de"),
    }  # fmt: skip
    details = plan.part("predictions", {"model_id": "xfactr", "language_code": "en"}).details
    assert details["imported_file"] == "theirs.csv"
    assert details["imported_from"] == "Jiang et al. 2020"
    assert len(details["imported_sha256"]) == 64


def test_answers_that_change_make_the_parts_of_their_model_stale(study: Path) -> None:
    import_file(str(study), "neurons", Path("neurons.csv"), "named", study.parent)
    before = {part.label: part.fingerprint for part in plan_of(study).parts()}
    file = study.parent / "theirs.csv"
    file.write_text(THEIRS.replace("Spain", "Italy"), encoding="utf-8")
    after = {part.label: part.fingerprint for part in plan_of(study).parts()}
    changed = {label for label in before if before[label] != after[label]}
    # The answers are what identifies a model without weights, also in the parts of its neurons.
    neurons = ("active_neurons", "neuron_profiles", "unscored_facts")
    assert changed == {"models", *(f"{table} named/en" for table in ("predictions", *neurons))}
    assert len(before) > len(changed)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{id: a}", "it needs a source, or a file with predictions"),
        ("{id: a, predictions: theirs.csv, mask_counts: all}", "mask_counts mean nothing without"),
        ("{id: a, source: ./a, objective: causal}", "the source says what its objective is"),
        ("{id: a, source: ./a, made_by: me}", "it has no such file"),
        ("{id: a, predictions: gone.csv}", "cannot read"),
        ("{id: a, predictions: french.csv}", "has no language of the study: it has 'fr'"),
    ],
)
def test_a_model_that_is_nowhere_or_has_needless_keys_is_refused(
    study: Path, line: str, message: str
) -> None:
    french = [row for row in THEIRS.splitlines() if not row.startswith("en")]
    (study.parent / "french.csv").write_text("\n".join(french), encoding="utf-8")
    study.write_text(STUDY + f"  - {line}\n", encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        plan_of(study)
    [problem] = [each for each in caught.value.problems if message in each.message]
    assert problem.line == 6


def test_what_cannot_be_imported_leaves_the_study_file_as_it_was(study: Path) -> None:
    (study.parent / "others.csv").write_text(THEIRS.replace("Q", "R"), encoding="utf-8")
    elsewhere = study.parent / "inside"
    elsewhere.mkdir()
    (elsewhere / "mine.yml").write_text(STUDY, encoding="utf-8")
    refused: list[tuple[Path, ImportKind, str, str, Path | None, str]] = [
        (study, "neurons", "neurons.csv", "nobody", None, "import the model's predictions first"),
        (study, "predictions", "others.csv", "named", None, "has another file already"),
        (study, "predictions", "others.csv", "new", None, "none of its 4 rows is about a fact"),
        (study, "predictions", "theirs.csv", "no id!", None, "an id starts with"),
        (study, "predictions", "gone.csv", "new", None, "cannot read"),
        (study, "presence", "counts.csv", "dolma", elsewhere, "lies outside of"),
        (elsewhere / "mine.yml", "presence", "counts.csv", "dolma", elsewhere, "leads out of"),
        (Path("atlas"), "presence", "counts.csv", "dolma", None, "comes with the project"),
    ]
    for path, kind, file, owner, restrict, message in refused:
        with pytest.raises(StudyError) as caught:
            import_file(str(path), kind, Path(file), owner, study.parent, restrict=restrict)
        assert message in str(caught.value), (message, str(caught.value))
    assert study.read_text(encoding="utf-8") == STUDY
    assert load_study(str(study)).models[0].predictions == "theirs.csv"
