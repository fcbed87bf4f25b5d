"""Study files: what a file says is in the study, or an error says what is wrong."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import yaml

from dagster_project.study.load import load_study
from tests.fuzz.cases import ODD, damaged, run

STUDY: dict[str, Any] = {
    "name": "mine",
    "facts": {"kind": "table", "path": "facts.csv"},
    "languages": ["de", "en", "no"],
    "corpora": [{"id": "wiki", "kind": "text", "path": "{language}.txt"}],
    "tracing": {"units": ["chunk"], "chunk_tokens": 128, "matching": "exact"},
    "attribution": {
        "probeless": {"top": 5},
        "integrated_gradients": {"mode": "zero", "steps": 4, "languages": ["de", "en"]},
        "edits": {"languages": ["de", "en"], "factors": [0, 2]},
    },
    "models": [
        {"id": "one", "source": "./one", "dtype": "float32"},
        {"id": "two", "source": "owner/name", "mask_counts": "all"},
    ],
}
VALUES = (
    None, True, False, 0, -1, 10**30, 0.5, float("nan"), float("inf"), "", "no", "a b", "é" * 300,
    "../x", "*", [], {}, [[]], {"id": 1}, ["de", "de"], "${HOME}", "0x1F", "12:30:45", "~", "\x7f",
)  # fmt: skip


def test_what_a_study_file_says_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.yml"

    def check(rng: random.Random) -> None:
        study = _changed(rng, STUDY) if rng.random() < 0.7 else STUDY
        content = yaml.safe_dump(study, allow_unicode=True, sort_keys=False).encode()
        if rng.random() < 0.5:
            content = damaged(rng, content)
        path.write_bytes(content)
        found = load_study(str(path))
        said = yaml.safe_load(content)
        assert found.name == said["name"]
        assert len(found.models) == len(said["models"])
        assert len(found.corpora) == len(said.get("corpora") or ())
        for block, model in zip(said["models"], found.models, strict=True):
            assert {key: getattr(model, key) for key in block} == block
        for name in said.get("attribution") or {}:
            assert (getattr(found.attribution, name) is None) == (said["attribution"][name] is None)

    run("study files", 200, check)


def _changed(rng: random.Random, value: Any) -> Any:
    """The value with one to three of its parts replaced, removed, renamed or repeated."""
    changed = yaml.safe_load(yaml.safe_dump(value))
    for _ in range(rng.randint(1, 3)):
        part: Any = changed
        while True:
            if not isinstance(part, (dict, list)) or not part:
                break
            key = rng.choice(list(part) if isinstance(part, dict) else range(len(part)))
            if isinstance(part[key], (dict, list)) and part[key] and rng.random() < 0.7:
                part = part[key]
                continue
            _change(rng, part, key)
            break
    return changed


def _change(rng: random.Random, part: Any, key: Any) -> None:
    how = rng.choice(["value", "value", "drop", "rename", "repeat"])
    if how == "drop":
        del part[key]
    elif how == "rename" and isinstance(part, dict):
        part[f"{key}{rng.choice(ODD)}"] = part.pop(key)
    elif how == "repeat" and isinstance(part, list):
        part.append(part[key])
    else:
        part[key] = rng.choice(VALUES)
