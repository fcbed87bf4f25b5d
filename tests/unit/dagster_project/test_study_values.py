"""Values of a study file: each number has its range, each list is checked, nothing is dropped."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from dagster_project.study.load import load_study
from dagster_project.study.reference import render_reference
from dagster_project.study.resolve import resolve_study
from dagster_project.study.schema import Study, StudyError

FULL: dict[str, Any] = {
    "name": "mine",
    "facts": {
        "kind": "table", "path": "facts.csv", "max_rejected_rate": 0.5, "relations": ["P36"],
        "sample": 7, "seed": 1, "wordings": "words.csv",
    },
    "languages": ["en", "de"],
    "models": [
        {
            "id": "first", "source": "./first", "revisions": ["step10", "step20"],
            "languages": ["en", "de"], "examples": 2, "examples_seed": 1,
            "chat": "Complete it.\nPlease.",
        },
    ],
    "corpora": [{
        "id": "texts", "kind": "text", "path": ["a"], "languages": ["en"],
        "largest_document": 9,
    }],
    "probing": {"batch_tokens": 100},
    "answers": {"ranking": {"kept": 5}, "continuation": {"tokens": 3}},
    "verdict": "ranked_mean",
    "wordings": {"languages": ["en"], "templates": 2, "sample": 3, "seed": 1},
    "tracing": {"units": ["chunk"], "chunk_tokens": 9, "processes": 1},
    "signals": {
        "subject_swaps": {"swaps": ["masked"], "other_subjects": 2, "seed": 3},
        "latent_languages": {"languages": ["en"], "facts": 2, "seed": 1},
        "patching": {"languages": ["en", "de"], "facts": 2, "positions": ["subject"], "seed": 1},
        "edit_propagation": {
            "languages": ["en", "de"], "facts": 2, "steps": 3, "learning_rate": 0.2,
            "stop_probability": 0.8, "seed": 1,
        },
        "text_gradients": {"languages": ["en"], "facts": 2, "width": 4, "folds": 2, "seed": 1},
    },
    "attribution": {
        "probeless": {"top": 5, "bins": 4, "forced": 3, "variants": ["ffn"]},
        "integrated_gradients": {
            "tolerance": 0.1, "most_steps": 8, "steps": 2,
            "facts": 3, "top": 4, "forced": 5, "languages": ["en", "de"],
        },
        "edits": {
            "languages": ["en", "de"], "facts": 2, "threshold": 0.1, "factors": [0.0, 2.0],
            "active": 3, "base_factors": [0.5], "base_language": "en", "seed": 0,
        },
        "degenerate": {
            "languages": ["en"], "facts": 2, "candidates": 4, "random_pairs": 0,
            "largest_set": 2, "seed": 1,
        },
        "fact_checks": {
            "languages": ["en"], "facts": 2, "validation_share": 0.2, "test_share": 0.2,
            "threshold": 0.2, "candidates": 3, "single_share": 0.5, "pair_share": 0.4,
            "shared": 0.3, "seed": 2,
        },
    },
}  # fmt: skip
"""A study with every number and every list of values that a study can have."""


def places(value: Any, keys: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value with the keys that lead to it."""
    yield keys, value
    inner: Any = ()
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inner:
        yield from places(item, (*keys, key))


NUMBERS = [keys for keys, value in places(FULL) if isinstance(value, int | float)]
LISTS = [
    keys
    for keys, value in places(FULL)
    if isinstance(value, list) and not isinstance(value[0], dict)
]


def written(folder: Path, changes: Mapping[tuple[Any, ...], object]) -> str:
    """The full study, with other values at some places."""
    study = copy.deepcopy(FULL)
    for keys, value in changes.items():
        block: Any = study
        for key in keys[:-1]:
            block = block[key]
        block[keys[-1]] = value
    path = folder / "mine.yml"
    with path.open("w") as file:
        YAML(typ="safe", pure=True).dump(study, file)
    return str(path)


def at(keys: tuple[Any, ...]) -> Any:
    """The value of the full study at a place."""
    value: Any = FULL
    for key in keys:
        value = value[key]
    return value


def refused(folder: Path, changes: Mapping[tuple[Any, ...], object]) -> dict[str, str]:
    """Place → message about it, for a study that cannot be read; each with its line."""
    with pytest.raises(StudyError) as caught:
        load_study(written(folder, changes))
    assert all(problem.line for problem in caught.value.problems)
    told = [problem.message for problem in caught.value.problems]
    names = (".".join(map(str, keys)) for keys in changes)
    return {
        name: each
        for name in names
        for each in told
        if each.startswith((f"{name}:", f"{name} has"))
    }


def test_the_full_study_is_right_and_has_every_number_of_the_schema(tmp_path: Path) -> None:
    load_study(written(tmp_path, {}))
    schema = TypeAdapter(Study).json_schema()
    numbers = {
        name
        for definition in [schema, *schema["$defs"].values()]
        for name, described in definition["properties"].items()
        for _, kind in places(described)
        if kind in ("integer", "number")
    }
    named = {next(key for key in reversed(keys) if isinstance(key, str)) for keys in NUMBERS}
    assert numbers == named


@pytest.mark.parametrize("wrong", [-1, -0.5, 10**30, math.nan, math.inf, True, "5", [1], {"a": 1}])
def test_every_number_has_its_range(tmp_path: Path, wrong: object) -> None:
    places = {keys: wrong for keys in NUMBERS if isinstance(keys[-1], str)}
    assert len(refused(tmp_path, places)) == len(places) > 20
    # Within a list, pydantic names the item.
    items = {keys: wrong for keys in NUMBERS if isinstance(keys[-1], int)}
    assert len(refused(tmp_path, items)) == len(items) == 3


def test_no_count_may_be_zero_where_that_finds_nothing(tmp_path: Path) -> None:
    may_be_zero = {"seed", "random_pairs", "examples", "examples_seed"}
    counts = [k for k in NUMBERS if isinstance(at(k), int) and k[-1] not in may_be_zero]
    assert len(refused(tmp_path, dict.fromkeys(counts, 0))) == len(counts) > 10


@pytest.mark.parametrize(
    ("keys", "most"),
    [
        (("models", 0, "examples"), 1_000),
        (("probing", "batch_tokens"), 10_000_000),
        (("answers", "continuation", "tokens"), 1_000),
        (("tracing", "processes"), 1_000),
        (("signals", "subject_swaps", "other_subjects"), 100),
        (("signals", "edit_propagation", "steps"), 1_000),
        (("signals", "text_gradients", "width"), 256),
        (("signals", "text_gradients", "folds"), 100),
        (("attribution", "integrated_gradients", "steps"), 1_000),
        (("attribution", "integrated_gradients", "most_steps"), 1_000),
        (("attribution", "degenerate", "candidates"), 200),
        (("attribution", "degenerate", "random_pairs"), 10_000),
        (("attribution", "degenerate", "largest_set"), 200),
        (("attribution", "fact_checks", "candidates"), 200),
    ],
    ids=lambda keys: ".".join(map(str, keys)) if isinstance(keys, tuple) else None,
)
def test_what_costs_time_or_memory_without_end_has_a_largest_value(
    tmp_path: Path, keys: tuple[Any, ...], most: int
) -> None:
    ((_, message),) = refused(tmp_path, {keys: most + 1}).items()
    assert f"less than or equal to {most}" in message
    place = ".".join(key for key in keys[:-1] if isinstance(key, str))
    section = render_reference().split(f"## `{place}`")[1].split("## ")[0]
    (row,) = [line for line in section.splitlines() if line.startswith(f"| `{keys[-1]}` ")]
    assert row.endswith(f"At most {most:,}. |")


def test_no_list_is_empty_or_has_a_value_twice(tmp_path: Path) -> None:
    empty = refused(tmp_path, {keys: [] for keys in LISTS})
    assert len(empty) == len(LISTS) > 8
    assert all(re.search("at least [12] item", message) for message in empty.values())
    twice = refused(tmp_path, {keys: [*at(keys), at(keys)[0]] for keys in LISTS})
    assert len(twice) == len(LISTS)
    assert all("twice: leave one out" in message for message in twice.values())


@pytest.mark.parametrize(
    "keys",
    [
        ("corpora", 0, "languages"),
        ("models", 0, "languages"),
        ("attribution", "integrated_gradients", "languages"),
        ("attribution", "edits", "languages"),
        ("attribution", "degenerate", "languages"),
        ("attribution", "fact_checks", "languages"),
        ("languages",),
    ],
    ids=lambda keys: ".".join(map(str, keys)),
)
def test_a_misspelt_language_is_named_wherever_it_stands(
    tmp_path: Path, keys: tuple[Any, ...]
) -> None:
    rows = ["language,relation,template,subject,object"]
    rows += [f"{code},P36,[X] in [Y],Paris,France" for code in ("en", "de")]
    (tmp_path / "facts.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(StudyError) as caught:
        resolve_study(written(tmp_path, {keys: ["enn", "de"]}), tmp_path)
    assert "'enn'. Did you mean 'en'?" in str(caught.value)


@pytest.mark.parametrize(
    ("twice", "message"),
    [
        (
            'models:\n  - {id: a, source: b}\n"models" :\n  - {id: c, source: d}\n',
            "'models' stands twice, in lines 3 and 5",
        ),
        ("models:\n  - {id: a, id: b, source: c}\n", "'id' stands twice, in lines 4 and 4"),
        (
            "models: [{id: a, source: b}]\nattribution: {probeless: {top: 3, top: 4}}\n",
            "'top' stands twice, in lines 4 and 4",
        ),
        (
            "models:\n  - &m {id: a, source: b}\n  - {<<: *m, id: c,\n     <<: *m}\n",
            "'<<' stands twice, in lines 5 and 6",
        ),
        ("models: [{id: a, source: b}]\nyes: 1\ntrue: 2\n", 'duplicate key "True"'),
    ],
)
def test_a_key_that_is_there_twice_is_refused(tmp_path: Path, twice: str, message: str) -> None:
    path = tmp_path / "mine.yml"
    path.write_text("name: mine\nfacts: {kind: table, path: facts.csv}\n" + twice)
    with pytest.raises(StudyError, match=message):
        load_study(str(path))


def test_a_message_of_a_chat_has_no_slot(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"models\.0\.chat: .* has the slot \[X\]"):
        load_study(written(tmp_path, {("models", 0, "chat"): "Where is [X]?"}))


def test_revisions_are_models_of_one_series(tmp_path: Path) -> None:
    names = ["step10", "stage1-step020-tokens4B", "main", "a/b"]
    study = load_study(written(tmp_path, {("models", 0, "revisions"): names}))
    assert [(block.id, block.revision) for block in study.models] == [
        ("first-step10", "step10"),
        ("first-step20", "stage1-step020-tokens4B"),
        ("first-main", "main"),
        ("first-a-b", "a/b"),
    ]
    assert all(block.examples == 2 and block.revisions is None for block in study.models)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"revisions": ["step1", "x-step1"]}, "revisions make two models 'first-step1'"),
        ({"revisions": ["step1"], "revision": "main"}, "has revision and revisions"),
    ],
)
def test_revisions_that_contradict_each_other_are_named(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        load_study(written(tmp_path, {("models", 0, key): each for key, each in changes.items()}))


def test_a_verdict_brings_what_it_needs(tmp_path: Path) -> None:
    nothing = {("answers",): {}, ("verdict",): "exact"}
    exact = load_study(written(tmp_path, nothing))
    assert (exact.ranking, exact.continuation) == (None, None)
    ranked = load_study(written(tmp_path, {**nothing, ("verdict",): "ranked_less_prior"}))
    assert ranked.ranking is not None
    assert ranked.continuation is None
    contained = load_study(written(tmp_path, {**nothing, ("verdict",): "contained"}))
    assert contained.ranking is None
    assert contained.continuation is not None


def test_chunks_of_a_corpus_need_a_model_that_was_trained_on_it(tmp_path: Path) -> None:
    other = {**FULL["corpora"][0], "id": "other"}
    with pytest.raises(StudyError, match="corpus 'other': chunks are measured in tokens"):
        load_study(written(tmp_path, {("corpora",): [FULL["corpora"][0], other]}))
    articles = {("corpora",): [FULL["corpora"][0], other], ("tracing", "units"): ["article"]}
    load_study(written(tmp_path, articles))


@pytest.mark.parametrize("text", ["a\0b", "a\nb", "x" * 201, "é" * 101, "a/" * 2_001, "~nobody_/x"])
def test_a_text_that_can_be_no_path_is_named(tmp_path: Path, text: str) -> None:
    texts = [("facts", "path"), ("models", 0, "source"), ("corpora", 0, "path", 0)]
    found = refused(tmp_path, dict.fromkeys(texts, text))
    assert len(found) == 3
    assert all("cannot be a name or path" in message for message in found.values())
