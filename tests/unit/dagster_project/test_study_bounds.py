"""A study file of a few bytes costs little, whatever it is: aliases, depth, odd scalars."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dagster_project.study.load import load_study
from dagster_project.study.schema import StudyError

HEAD = "name: s\nfacts: {kind: table, path: f.csv}\nmodels: [{id: m, source: ./m}]\n"


def laughs(depth: int) -> str:
    """Lists of ten aliases, each of a list of ten aliases: ten to the power of ``depth`` values."""
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, depth)]
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (laughs(12), "with its aliases it has more than 100,000 values"),
        ("a: &a [*a]\n", "contains itself"),
        ("a: " + "[" * 5000 + "]" * 5000 + "\n", "nested too deeply"),
        ("a: " + "{b: " * 3000 + "1" + "}" * 3000 + "\n", "nested too deeply"),
        ("# " + "x" * (1 << 20) + "\n", "no study file"),
        ("a: 2020-99-99\n", "not readable as YAML"),
        ("a: 1:99:99:99:99:99:99:99:99:99:x\n", "unknown key 'a'"),
        ("a: 0x\n", "unknown key 'a'"),
        ("? []\n: b\n", "key"),
        ("attribution: {[]: b}\n", "key"),
        ("attributio[]n: {}\n", "attributio[]n"),
        ("a: !!python/object:os.system {}\n", "not readable as YAML"),
        ("a: !!binary '%%%'\n", "unknown key 'a'"),
        ("languages: " + repr(["x" * 100_000]) + "\nlanguage: 5\n", "unknown key 'language'"),
        ("languages: {" + "a: 1, " * 1 + "b: " + "x" * 100_000 + "}\n", "languages"),
    ],
    ids=range(15),
)
def test_an_odd_file_is_refused_at_once_in_few_words(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "s.yml"
    path.write_text(HEAD + text)
    started = time.process_time()
    with pytest.raises(StudyError) as caught:
        load_study(str(path))
    assert message in str(caught.value)
    assert len(str(caught.value)) < 5_000
    assert time.process_time() - started < 5


def test_three_hundred_wrong_blocks_are_named_in_a_second(tmp_path: Path) -> None:
    blocks = "".join(f"  - {{id: m{n}, source: ./m, trained_on: none}}\n" for n in range(300))
    path = tmp_path / "s.yml"
    path.write_text(f"name: s\nfacts: {{kind: table, path: f.csv}}\nmodels:\n{blocks}")
    started = time.process_time()
    with pytest.raises(StudyError) as caught:
        load_study(str(path))
    assert len(caught.value.problems) == 300
    assert caught.value.problems[299].line == 303
    assert time.process_time() - started < 10
