"""Every family and every method gives on a device what it gives on the CPU."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from models_gpu.loading.load import LoadedModel, wrap
from models_gpu.methods.integrated_gradients import attribute
from models_gpu.methods.integration_paths import PathSettings
from models_gpu.methods.probeless import ProbelessSettings, probeless
from models_gpu.prompting.build import build_queries
from tests.helpers import studies
from tests.helpers.tiny_models import FAMILIES, hugging_face_model, many_facts, tokenizer_of
from warehouse.diff import diff

pytestmark = pytest.mark.gpu

OTHER_ROWS = 0.02
"""Largest share of a table's rows that may differ: near ties, which another rounding decides."""


def models(family: str, device: str) -> list[LoadedModel]:
    tokenizer = tokenizer_of(family)
    return [
        wrap(hugging_face_model(family, len(tokenizer)), tokenizer, place)
        for place in ("cpu", device)
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_probeless_finds_the_same_neurons(family: str, device: str) -> None:
    facts = many_facts()
    settings = ProbelessSettings(top=10, bins=4)
    expected, found = (
        probeless(model, facts, facts["fact_id"], settings=[settings]).active_neurons
        for model in models(family, device)
    )
    keys = ["fact_id", "layer_index", "neuron_index"]
    both = expected.join(found, on=keys, suffix="_there")
    assert len(both) >= (1 - OTHER_ROWS) * len(expected) > 0
    scores = both.select("neuron_score", "neuron_score_there").to_numpy()
    np.testing.assert_allclose(scores[:, 0], scores[:, 1], rtol=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_integrated_gradients_are_the_same(family: str, device: str) -> None:
    found = []
    for model in models(family, device):
        queries = build_queries(model, many_facts(), "gold")
        parts = list(attribute(model, queries, PathSettings("zero", 4, "left")))
        facts = np.concatenate([part.facts for part in parts])
        scores = np.concatenate([np.asarray(part.scores.cpu()) for part in parts], axis=1)
        found.append(scores[:, np.argsort(facts)])
    expected, there = found
    largest = np.abs(expected).max(axis=(0, 2), keepdims=True)
    assert expected.shape[1] > 10
    np.testing.assert_allclose(there / largest, expected / largest, atol=2e-3)


def test_a_study_with_every_method_publishes_the_same(device: str, tmp_path: Path) -> None:
    """Probing, PROBELESS, integrated gradients, edits, degenerate neurons, fact checks, tracing."""
    study = studies.write_study(tmp_path / "study")
    for home, visible in (("cpu", ""), ("there", None if device == "cuda" else "")):
        environment = dict(os.environ)
        if visible is not None:
            environment["CUDA_VISIBLE_DEVICES"] = visible
        command = studies.command("run", study, "--home", tmp_path / home, "--quiet")
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr
    tables = diff(tmp_path / "cpu" / "tiny", tmp_path / "there" / "tiny", tolerance=1e-3)
    assert len(tables) > 40
    shares = {
        table.table: (table.added_count + table.removed_count + table.changed_count)
        / max(1, table.old_count)
        for table in tables
    }
    assert {name: share for name, share in shares.items() if share > OTHER_ROWS} == {}
