"""Model folders: a damaged model is refused with a reason, or answers."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from models_gpu.loading.inspection import inspect
from models_gpu.loading.load import load
from models_gpu.loading.source import resolve
from models_gpu.loading.spec import ModelSpec
from models_gpu.methods.probing import probe
from tests.fuzz.cases import damaged, run
from tests.helpers import tiny_models
from tests.helpers.studies import save_model

VALUES = (None, 0, -1, 7, 1.5, "x", [], {}, True, "flash_attention_2", ["a"], 300)
FACTS = tiny_models.facts(("a", "P36", "[X] is in [Y]", "Oslo", "Norway"))


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_damaged_model_is_refused_or_answers(tmp_path: Path, family: str) -> None:
    good, folder = tmp_path / "good", tmp_path / "model"
    save_model(good, family)
    names = sorted(path.name for path in good.iterdir())

    def check(rng: random.Random) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(good, folder)
        path = folder / rng.choice(names)
        if path.suffix == ".json" and rng.random() < 0.7:
            path.write_text(json.dumps(_changed(rng, json.loads(path.read_text()))))
        elif rng.random() < 0.2:
            path.unlink()
        else:
            path.write_bytes(damaged(rng, path.read_bytes()))
        resolved = resolve(ModelSpec("m", str(folder)))
        card = inspect(resolved)
        assert card.architecture == family
        if rng.random() < 0.3:
            rows = probe(load(resolved, "cpu"), FACTS, mask_counts="gold")
            assert rows["fact_id"].to_list() == ["a"]

    run(f"model folders {family}", 40, check)


def _changed(rng: random.Random, value: Any) -> Any:
    """The value with one of its parts replaced or removed."""
    part = value
    while True:
        if not isinstance(part, (dict, list)) or not part:
            return value
        key = rng.choice(list(part) if isinstance(part, dict) else range(len(part)))
        if isinstance(part[key], (dict, list)) and part[key] and rng.random() < 0.6:
            part = part[key]
            continue
        if rng.random() < 0.3:
            del part[key]
        else:
            part[key] = rng.choice(VALUES)
        return value
