"""What helps to write a study file: a first one, a JSON Schema, the page of all keys, a device."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dagster_project.study.first_study import write_first_study
from dagster_project.study.load import load_study
from dagster_project.study.reference import json_schema, render_reference
from dagster_project.study.schema import StudyError
from models_gpu.errors import ModelError
from models_gpu.loading.load import choose_device


def test_the_first_study_is_right_also_with_what_is_commented_out(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    write_first_study(path)
    study = load_study(str(path))
    assert (study.name, study.facts.sample, len(study.models)) == ("mine", 100, 1)
    lines = path.read_text(encoding="utf-8").splitlines()
    # A commented line of YAML begins a block or an item; sentences end in a full stop or a colon.
    text = "\n".join(
        line.replace("# ", "", 1) if line.lstrip().startswith(("# -", "# verdict", "# attr",
        "#   ", "# corpora", "# continuation")) else line
        for line in lines
    )  # fmt: skip
    path.write_text(text, encoding="utf-8")
    whole = load_study(str(path))
    assert [model.examples for model in whole.models] == [0, 0, 3]
    assert whole.verdict == "ranked_less_prior"
    assert whole.corpora[0].kind == "wikipedia_dump"


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text("mine")
    with pytest.raises(StudyError, match="there already"):
        write_first_study(tmp_path / "mine.yml")
    assert (tmp_path / "mine.yml").read_text() == "mine"
    with pytest.raises(StudyError, match="cannot be written"):
        write_first_study(tmp_path / "nowhere" / "mine.yml")


def test_the_schema_of_editors_has_a_sentence_for_every_key() -> None:
    schema = json_schema()
    json.dumps(schema)
    blocks = {"Study": schema, **schema["$defs"]}
    assert set(blocks) > {"FactsBlock", "ModelBlock", "RankingBlock"}
    for name, block in blocks.items():
        assert block["additionalProperties"] is False, name
        for key, described in block["properties"].items():
            assert len(described["description"]) > 10, (name, key)
    assert "path" not in schema["properties"]
    assert "exact" in schema["properties"]["verdict"]["enum"]


def test_the_page_has_a_row_for_every_key_with_its_default() -> None:
    page = render_reference()
    assert "## `attribution.integrated_gradients`" in page
    assert "| `sample` | `null` | Facts per relation" in page
    assert "| `name` | required | Name of the study" in page


def test_a_device_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACTROOTS_DEVICE", "cpu")
    assert choose_device().type == "cpu"
    for wrong in ("gpu", "cuda:99"):
        monkeypatch.setenv("FACTROOTS_DEVICE", wrong)
        with pytest.raises(ModelError, match=f"device '{wrong}' cannot be used"):
            choose_device()
