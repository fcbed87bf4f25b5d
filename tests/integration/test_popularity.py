"""The popularity of the facts that a study of PopQA asks."""

from __future__ import annotations

import csv
from pathlib import Path

from dagster_project.runtime.compute import compute_study
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.registry import STEPS
from dagster_project.steps.step import StudyStep
from tests.helpers import studies

STUDY = """\
name: pop
facts: {kind: popqa, path: test.tsv, relations: [P36]}
models: [{id: first, source: ./first}]
"""
HEADER = ("id", "subj", "prop", "obj", "s_uri", "o_uri", "s_pop", "o_pop", "question")


def test_the_views_of_the_asked_facts_are_a_table(tmp_path: Path) -> None:
    studies.save_model(tmp_path / "first", "bert")
    with (tmp_path / "test.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(HEADER)
        for number, name in enumerate(("Peru", "Chad"), 1):
            site = f"http://www.wikidata.org/entity/Q{number}"
            cells = [number, name, "capital", "x", site, site, number * 7, "", f"Where is {name}?"]
            writer.writerow(cells)
        writer.writerow([3, "Ann", "author", "y", "Q3", "Q4", 1, 1, "Who wrote Ann?"])
    (tmp_path / "pop.yml").write_text(STUDY, encoding="utf-8")
    workspace = Workspace(str(tmp_path / "pop.yml"), tmp_path / "homes")
    for step in STEPS:
        if isinstance(step, StudyStep) and step.name in ("facts", "fact_popularity"):
            compute_study(workspace, step)
    rows = workspace.read("fact_popularity", {}).rows()
    assert rows == [("popqa-1", 7, None), ("popqa-2", 14, None)]
