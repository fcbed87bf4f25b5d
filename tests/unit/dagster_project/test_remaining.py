"""The time of the parts that are left follows from finished parts, and else from their steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from dagster_project.runtime.remaining import Remaining
from dagster_project.runtime.workspace import Workspace
from ingestion.contract import LAKE
from ingestion.lake import Provenance, write_part

STUDY = """\
name: s
facts: {kind: table, path: f.csv}
answers: {ranking: {}}
models: [{id: m, source: atlas:atlas-mlm}]
"""
ROWS = {"de": 100, "en": 100, "it": 50}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    lines = [f"{code},r,[X] [Y],a,b" for code in ROWS]
    text = "\n".join(["language,relation,template,subject,object", *lines])
    (tmp_path / "f.csv").write_text(text, encoding="utf-8")
    (tmp_path / "s.yml").write_text(STUDY, encoding="utf-8")
    return Workspace(str(tmp_path / "s.yml"), tmp_path / "homes")


@pytest.fixture
def finish(workspace: Workspace) -> Callable[..., None]:
    def write(table: str, language: str, seconds: float, rows: int) -> None:
        """A part that took some seconds."""
        part = workspace.plan.part(table, {"model_id": "m", "language_code": language})
        made = Provenance.now(
            table, part.partition, fingerprint=part.fingerprint, code_version=part.code_version,
            duration_seconds=seconds, row_count=rows, details={},
        )  # fmt: skip
        # Only the footer is read.
        write_part(workspace.home.lake, pl.DataFrame(schema=pl.Schema(LAKE[table].schema)), made)

    for language, rows in ROWS.items():
        write("fact_labels", language, 0.0, rows)
    return write


def test_without_finished_parts_other_parts_cost_their_passes(
    workspace: Workspace, finish: Callable[..., None]
) -> None:
    """German takes 10 s for 100 facts: .1 s a pass. Rankings make three passes a fact."""
    others = Remaining(workspace, "predictions", "m").others("de", 10.0)
    assert others == pytest.approx(0.1 * (100 + 50) + 0.1 * 3 * 250)


def test_finished_parts_give_the_rate_of_their_step(
    workspace: Workspace, finish: Callable[..., None]
) -> None:
    """A ranking took 2 s for 100 facts, so those of 150 facts take 3 s."""
    finish("object_rankings", "de", 2.0, 1)
    others = Remaining(workspace, "predictions", "m").others("de", 10.0)
    assert others == pytest.approx(0.1 * 150 + 3.0)


def test_parts_that_are_finished_meanwhile_are_no_longer_counted(
    workspace: Workspace, finish: Callable[..., None]
) -> None:
    remaining = Remaining(workspace, "object_rankings", "m")
    before = remaining.others("en", 6.0)
    finish("object_rankings", "de", 6.0, 1)
    assert remaining.others("en", 6.0) == pytest.approx(before - 6.0)
