"""Seeded fuzzing of study files: each case is read, or refused in the words of the study file."""

from __future__ import annotations

import copy
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagster_project.study.load import load_study
from dagster_project.study.resolve import resolve_study
from dagster_project.study.schema import Study, StudyError
from models_gpu.errors import ModelError
from models_gpu.loading.spec import ModelSpec
from tests.fuzz.cases import TIMES

CASES = round(500 * TIMES)
PER_TEST = 250
STUDY: dict[str, Any] = {
    "name": "fuzzed",
    "facts": {"kind": "table", "path": "facts.csv", "max_rejected_rate": 0.1},
    "languages": ["en", "de"],
    "models": [
        {"id": "a", "source": "./a", "dtype": "float32", "mask_counts": "gold"},
        {"id": "b", "source": "./b", "trained_on": "texts", "revision": None},
    ],
    "corpora": [{"id": "texts", "kind": "text", "path": "{language}.txt", "languages": ["en"]}],
    "probing": {"batch_tokens": 64},
    "tracing": {"units": ["sentence"], "matching": "exact", "processes": 1, "aliases": None},
    "attribution": {
        "probeless": {"top": 3, "variants": ["ffn"]},
        "integrated_gradients": {"mode": "zero", "steps": 2, "languages": ["en"]},
        "edits": {"languages": ["en"], "factors": [0.0], "threshold": 0.3},
    },
    "refresh": {"watch": True, "schedule": "0 2 * * *", "timezone": "UTC"},
    "lake": None,
}
ODD: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 10**40, 0.5, -0.0, float("nan"), float("inf"), "", " ",
    "all", "no", "en", "../x", "/", "~", "~nobody/x", "{", "{language}", "{}", "[", "*", "?",
    "a\0b", "\n", "\u2028", "\ud7ff", "🙂", "x" * 300, "x" * 5_000, "é" * 200, "http://[::1",
    "s3://", "foo://x", "file:///etc", "hf://", "http://a:b@c", "C:\\x", "%s", "${HOME}", "{{ x }}",
    "2020-01-01", [], {}, [[]], [{}], {"a": 1}, {"": ""}, {"id": "a"}, ["en", "en"], ["en", None],
    [0.5, "x"], "0 0 31 2 *", "* * * * *", "Europe/Berlin", "../../etc/passwd", "con", ".", "..",
    "-", "a.b",
]  # fmt: skip
TEXTS = [
    "&a *a", "*b", "!!python/name:os.system", "!!set {a}", "? ", "<<: *x", "%YAML 1.2", "---",
    "...", "\t", "\x07", "\ufeff", "'", '"', "|", ">", "- ", ": ", "#", "{", "}", "[", "]", ",",
    "0x", "0o8", "1:60", "1e", ".", "2001-99-99", "=", "~", "\r", "\x85", "\\x", "!", "&", "*", "@",
    "`", "%",
]  # fmt: skip


def places(value: Any, keys: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Keys that lead to each value within the study."""
    found = [keys] if keys else []
    if isinstance(value, dict):
        found += [at for key, item in value.items() for at in places(item, (*keys, key))]
    if isinstance(value, list):
        found += [at for index, item in enumerate(value) for at in places(item, (*keys, index))]
    return found


def another_value(chosen: random.Random) -> str:
    """One to three values of the study are others, under the same or another key, or left out."""
    study = copy.deepcopy(STUDY)
    for keys in chosen.sample(places(STUDY), chosen.randint(1, 3)):
        block: Any = study
        try:
            for key in keys[:-1]:
                block = block[key]
            kind = chosen.random()
            if kind < 0.1:
                del block[keys[-1]]
            elif kind < 0.2 and isinstance(block, dict):
                block[str(chosen.choice(ODD))] = block[keys[-1]]
            else:
                block[keys[-1]] = chosen.choice(ODD)
        except (KeyError, TypeError, IndexError):
            continue  # An earlier change removed the place.
    # JSON is YAML, but for its NaN.
    return json.dumps(study, indent=1).replace("NaN", ".nan").replace("Infinity", ".inf")


def another_text(chosen: random.Random) -> str:
    """The text of the study with pieces put in, taken out, doubled or moved."""
    text = json.dumps(STUDY, indent=1)
    if chosen.random() < 0.5:
        text = text.replace('"', "").replace("{\n", "\n").replace("}", "").replace(",\n", "\n")
    for _ in range(chosen.randint(1, 4)):
        at, to = sorted(chosen.randrange(len(text) + 1) for _ in range(2))
        to = min(to, at + 60)
        text = chosen.choice(
            [
                text[:at] + chosen.choice(TEXTS) + text[at:],
                text[:at] + text[to:],
                text[:to] + text[at:to] + text[to:],
                text[:at] + text[at:to][::-1] + text[to:],
                text[:at] if chosen.random() < 0.2 else text + chosen.choice(TEXTS),
            ]
        )
    return text


def refusal(path: Path) -> StudyError | None:
    """Why a study is refused; None if its file is read. What it names is looked for as well."""
    try:
        assert isinstance(load_study(str(path)), Study)
    except StudyError as error:
        return error
    with pytest.raises(StudyError) as caught:
        # There is no model, so that this is refused; addresses are not asked for.
        resolve_study(str(path), path.parent / "homes", restrict=path.parent)
    assert caught.value.problems
    return None


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(max(1, CASES // PER_TEST)))
def test_a_study_is_read_or_refused_in_its_own_words(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_hub(spec: ModelSpec) -> str:
        raise ModelError(f"model '{spec.model_id}': the hub is not asked")

    monkeypatch.setattr("models_gpu.loading.source.resolve_commit", no_hub)
    rows = [f"{code},P36,[X] in [Y],Paris,France" for code in ("en", "de")]
    table = "\n".join(["language,relation,template,subject,object", *rows])
    (tmp_path / "facts.csv").write_text(table + "\n")
    (tmp_path / "en.txt").write_text("Paris in France\n")
    path = tmp_path / "fuzzed.yml"
    makers: list[Callable[[random.Random], str]] = [another_value, another_text]
    read = 0
    for number in range(PER_TEST):
        text = makers[number % 2](random.Random(f"{seed} {number}"))
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        started = time.process_time()
        try:
            error = refusal(path)
        except Exception as unforeseen:
            raise AssertionError(f"{unforeseen!r} of case {number}:\n{text}") from unforeseen
        assert time.process_time() - started < 10, text
        read += error is None
        if error is not None:
            assert error.problems, text
            assert all(problem.message.strip() for problem in error.problems), text
            assert len(str(error)) < 20_000, text
    assert PER_TEST / 50 < read < PER_TEST / 2
