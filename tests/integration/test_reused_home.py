"""A home that was used for other studies of the same name publishes the tables of a fresh home."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.helpers import studies
from warehouse.diff import diff

pytestmark = pytest.mark.nightly

GRADIENTS = {"mode": "zero", "steps": 2, "facts": 2, "top": 5, "forced": 4}
PROBELESS = {"top": 5, "bins": 4, "forced": 4, "variants": ["ffn", "ffn-normalised"]}
EDITS = {"languages": ["en", "de"], "facts": 2, "threshold": 0}


def write(folder: Path, inputs: Path, **settings: Any) -> Path:
    """A study file (JSON is YAML); what is not given is that of the last, smallest study."""
    texts = {"kind": "text", "path": f"{inputs}/texts/{{language}}.txt"}
    corpora = {"id": "texts", **texts, "languages": ["en"]}
    if settings.pop("is_large", False):
        settings["models"] = [
            {"id": "first", "source": str(inputs / "first"), "trained_on": "texts"},
            {"id": "second", "source": str(inputs / "second"), "trained_on": "others"},
        ]
        settings["corpora"] = [{"id": "texts", **texts}, {"id": "others", **texts}]
    wanted = {
        "name": "tiny",
        "facts": {"kind": "table", "path": str(inputs / "facts.csv")},
        "languages": ["en", "de"],
        "attribution": {"integrated_gradients": {**GRADIENTS, "languages": ["en"]}},
        "models": [{"id": "first", "source": str(inputs / "first")}],
        "corpora": [corpora],
    } | settings
    study = folder / "tiny.yml"
    study.write_text(json.dumps(wanted), encoding="utf-8")
    return study


def ask(home: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(home / "factroots.duckdb", read_only=True) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.slow
def test_five_studies_of_one_name_leave_nothing_behind(tiny_study: Path, tmp_path: Path) -> None:
    inputs, used, fresh = tiny_study.parent, tmp_path / "used", tmp_path / "fresh"
    gradients = {**GRADIENTS, "languages": ["en", "de"]}
    larger: list[dict[str, Any]] = [
        {"languages": "all", "attribution": {}},
        {"attribution": {"integrated_gradients": gradients, "edits": EDITS}},
        {"attribution": {"probeless": PROBELESS}},
        {"is_large": True},
    ]
    for settings in larger:
        run = studies.factroots("run", write(tmp_path, inputs, **settings), "--home", used)
        assert run.exit_code == 0, run.stderr
    study = write(tmp_path, inputs)
    for homes in (used, fresh):
        run = studies.factroots("run", study, "--home", homes)
        assert run.exit_code == 0, run.stderr
    # What the larger studies computed is still in the lake.
    for part in (
        "interventions/first",
        "active_neurons/first",
        "predictions/second",
        "fact_labels/it",
    ):
        assert list((used / "tiny" / "lake").glob(f"{part}*")), part
    found = diff(fresh / "tiny", used / "tiny")
    assert len(found) > 50
    assert [table.table for table in found if table.is_different] == []
    for query in (
        "select lake_table, part_name, fingerprint from operations.partition_runs order by all",
        "select identity from operations.publication",
    ):
        assert ask(used / "tiny", query) == ask(fresh / "tiny", query)
