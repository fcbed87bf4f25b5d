"""Files of others in a study: how they get into it, what they make of its plan, what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest

from dagster_project.steps.plan import Plan
from dagster_project.steps.registry import make_plan
from dagster_project.steps.step import ModelTask, import_neurons
from dagster_project.study.import_file import import_file
from dagster_project.study.load import load_study
from dagster_project.study.resolve import resolve_study
from dagster_project.study.schema import StudyError
from ingestion.import_kinds import ImportKind
from ingestion.imports import read_import
from models_gpu.errors import ModelError

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


MODELS = "models:\n  - {id: named, predictions: theirs.csv}\n"
ADDED = "{id: new, predictions: theirs.csv, made_by: us}"
NEURONS = "neurons: neurons.csv"


@pytest.mark.parametrize(
    ("kind", "owner", "before", "after"),
    [
        # A comment behind the last item, with a comma and without.
        ("predictions", "new", "models: [\n  {id: named, predictions: theirs.csv},  # ours\n]\n",
         f"models: [\n  {{id: named, predictions: theirs.csv}}, {ADDED},  # ours\n]\n"),
        ("predictions", "new", "models: [\n  {id: named, predictions: theirs.csv}  # ours\n]\n",
         f"models: [\n  {{id: named, predictions: theirs.csv}}, {ADDED}  # ours\n]\n"),
        ("neurons", "named",
         "models:\n  - {id: named,\n     predictions: theirs.csv, # ours\n    }\n",
         f"models:\n  - {{id: named,\n     predictions: theirs.csv, {NEURONS}, # ours\n    }}\n"),
        # The end of a document, and text over several lines.
        ("presence", "new", f"{MODELS}...\n",
         f"{MODELS}corpora:\n"
         "  - {id: new, kind: presence, path: counts.csv, made_by: us}\n...\n"),
        ("predictions", "new", f"{MODELS}    # end\n...\n",
         f"{MODELS}  - {ADDED}\n    # end\n...\n"),
        ("neurons", "named",
         "models:\n- id: named\n  predictions: theirs.csv\n  made_by: >\n    Jiang\n    et al.\n"
         "corpora: []\n",
         "models:\n- id: named\n  predictions: theirs.csv\n  made_by: >\n    Jiang\n    et al.\n"
         f"  {NEURONS}\ncorpora: []\n"),
    ],
)  # fmt: skip
def test_lines_go_where_the_layout_of_the_file_has_them(
    study: Path, kind: ImportKind, owner: str, before: str, after: str
) -> None:
    files = {"predictions": "theirs.csv", "neurons": "neurons.csv", "presence": "counts.csv"}
    study.write_text(STUDY.replace(MODELS, before), encoding="utf-8")
    import_file(
        str(study), kind, Path(files[kind]), owner, study.parent / "homes",
        made_by=None if kind == "neurons" else "us",
    )  # fmt: skip
    assert study.read_text(encoding="utf-8") == STUDY.replace(MODELS, after)


def test_a_study_in_one_pair_of_brackets_gets_a_list(study: Path) -> None:
    text = (
        "{name: mine, facts: {kind: table, path: facts.csv}, tracing: {units: [article]},\n"
        " models: [{id: named, predictions: theirs.csv}]}\n"
    )
    study.write_text(text, encoding="utf-8")
    import_file(str(study), "presence", Path("counts.csv"), "dolma", study.parent / "homes")
    added = ", corpora: [{id: dolma, kind: presence, path: counts.csv}]}\n"
    assert study.read_text(encoding="utf-8") == text.replace("]}\n", f"]{added}")


@pytest.mark.parametrize(
    ("kind", "owner", "models", "message", "line"),
    [
        # What is added to the first would be a part of the second as well.
        ("neurons", "named",
         "models: [ &a {id: named, predictions: theirs.csv},\n  {<<: *a, id: second}]\n",
         "add this to named yourself: neurons: neurons.csv", 4),
        ("predictions", "new",
         "tags: &m\n  - {id: named, predictions: theirs.csv}\nmodels: *m\n",
         "unknown key 'tags'", 4),
        ("presence", "dolma", f"{MODELS}corpora: []\n",
         "corpora is empty: write there yourself: corpora: [{id: dolma, kind: presence", 6),
        ("presence", "dolma", f"{MODELS}corpora:\n", "corpora: ", 6),
        ("neurons", "made-step1",
         "models:\n  - {id: made, source: ./made, revisions: [step1, step2]}\n",
         "made-step1 is one of several that a block of models makes", 5),
    ],
)  # fmt: skip
def test_a_layout_that_allows_no_line_is_one_error_that_says_what_to_add(
    study: Path, kind: ImportKind, owner: str, models: str, message: str, line: int
) -> None:
    files = {"predictions": "theirs.csv", "neurons": "neurons.csv", "presence": "counts.csv"}
    text = STUDY.replace(MODELS, models)
    study.write_text(text, encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        import_file(str(study), kind, Path(files[kind]), owner, study.parent / "homes")
    [problem] = caught.value.problems
    assert message in problem.message
    assert problem.line == line
    assert study.read_text(encoding="utf-8") == text


def test_who_made_a_file_is_one_line_also_where_the_study_folds_it(study: Path) -> None:
    block = MODELS.replace("}", ", made_by: 'x'}").replace("'x'", '"Jiang et\\nal.\\n"')
    study.write_text(STUDY.replace(MODELS, block), encoding="utf-8")
    part = plan_of(study).part("predictions", {"model_id": "named", "language_code": "en"})
    assert part.details["imported_from"] == "Jiang et al."
    study.write_text(study.read_text().replace("Jiang", "\\e[31m"), encoding="utf-8")
    with pytest.raises(StudyError, match=r"models\.0\.made_by: .* it has a control character"):
        plan_of(study)


def test_neurons_that_the_model_does_not_have_are_left_out_and_counted(study: Path) -> None:
    ids = "language_code,relation_id,subject_id,object_id"
    rows = "en,P36,Q1,Q2,0,3\nen,P36,Q1,Q2,2,3\n"
    path = study.parent / "neurons.csv"
    path.write_text(f"{ids},layer_index,neuron_index\n{rows}", encoding="utf-8")
    facts = pl.DataFrame(
        {"fact_id": ["f1"], "relation_id": ["P36"], "subject_id": ["Q1"], "object_id": ["Q2"]}
    )
    sizes = {"model_id": "mine", "layer_count": 2, "neuron_count": 48, "hidden_size": 32}
    tables = {
        "facts": facts,
        "fact_labels": facts.select("fact_id"),
        "models": pl.DataFrame([sizes]),
    }

    def task(rate: float) -> ModelTask:
        model = SimpleNamespace(
            id="mine", has_weights=True, files={"active_neurons": read_import(path, "neurons")}
        )
        whole = SimpleNamespace(
            study=SimpleNamespace(facts=SimpleNamespace(max_rejected_rate=rate))
        )
        return ModelTask(
            cast(Any, whole), None, cast(Any, model), None, ("en",), "active_neurons mine",
            lambda table, _: tables[table], cast(Any, None),
        )  # fmt: skip

    [made] = import_neurons(task(0.5), ("active_neurons",))
    assert made.tables["active_neurons"]["layer_index"].to_list() == [0]
    assert made.details == {"imported_rejected": "1"}
    with pytest.raises(ModelError, match=r"model 'mine': .*line 3: layer_index is beyond"):
        list(import_neurons(task(0.1), ("active_neurons",)))
