"""Warnings of steps: numbers that are there, and less than a reader expects."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from dagster_project.steps import facts as facts_step
from dagster_project.steps.knowledge_neurons import completeness_warning
from ingestion.facts import FactsSettings, open_facts
from ingestion.languages import language_table

HEADER = "language,relation,template,subject,object"


def quality(**changed: Any) -> pl.DataFrame:
    row = {
        "fact_id": "a", "mode_code": "zero", "layer_index": 0, "baseline_count": 1,
        "completeness_residual": 0.0,
    }  # fmt: skip
    return pl.DataFrame([row, row | {"fact_id": "b", "layer_index": 1} | changed])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"completeness_residual": 0.09}, ""),
        ({"completeness_residual": 0.9, "mode_code": "amig_code"}, ""),
        ({"completeness_residual": 0.3, "baseline_count": 4, "mode_code": "amig"}, ""),
        ({"completeness_residual": 0.98}, "1 of 2 facts miss up to 0.98 of probability"),
    ],
)
def test_facts_whose_attributions_do_not_add_up_are_counted(
    changed: dict[str, Any], words: str
) -> None:
    warning = completeness_warning(quality(**changed))
    assert words in (warning or "")
    assert (warning is None) == (words == "")


def ingest(path: Any, languages: tuple[str, ...]) -> None:
    source = open_facts(FactsSettings("table", path, 0.01))
    described = language_table(languages)
    study = SimpleNamespace(facts=source, languages=languages, described_languages=described)
    task: Any = SimpleNamespace(study=study)
    for _ in facts_step._ingest(task):
        pass


def test_facts_that_only_their_labels_identify_are_counted_at_ingestion(
    tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "facts.csv"
    rows = ["en,P36,[X] is in [Y],Oslo,Norway", "de,P36,[X] in [Y],Oslo,Norwegen"]
    path.write_text("\n".join([HEADER, *rows, "en,P36,[X] is in [Y],Bern,Switzerland"]))
    with caplog.at_level(logging.WARNING, "factroots"):
        ingest(path, ("de", "en"))
    assert "3 of 3 facts have neither fact_id nor subject_id and object_id" in caplog.text
    assert "one of the 2 languages" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING, "factroots"):
        ingest(path, ("en",))
    assert caplog.text == ""
    named = [f"{row},f{number}" for number, row in enumerate(rows)]
    path.write_text("\n".join([f"{HEADER},fact_id", *named]))
    with caplog.at_level(logging.WARNING, "factroots"):
        ingest(path, ("de", "en"))
    assert caplog.text == ""
