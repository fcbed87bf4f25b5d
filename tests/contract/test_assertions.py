"""Assertions that cannot fail: found by their form in all tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest


def assertions_that_cannot_fail(code: str) -> Iterator[tuple[int, str]]:
    """Line and fault of each such assertion.

    ``assert a < b if c else d`` means ``assert (a < b) if c else d``: where c is false, only d is
    checked, which is mostly a number. A tuple with items is always true, and so is a constant.
    """
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Assert):
            continue
        if isinstance(node.test, ast.IfExp):
            yield node.lineno, "put brackets around the part with if and else"
        elif isinstance(node.test, ast.Tuple) and node.test.elts:
            yield node.lineno, "a tuple is always true"
        elif isinstance(node.test, ast.Constant) and node.test.value:
            yield node.lineno, "a constant is always true"


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ("assert a < 2e-4 if mode == 'zero' else 1e-7", True),
        ("assert (a < 1, 'too large')", True),
        ("assert 'a text'", True),
        ("assert a < (2e-4 if mode == 'zero' else 1e-7)", False),
        ("assert a < 1, 'too large'", False),
        ("assert False", False),
    ],
)
def test_such_an_assertion_is_found(code: str, is_found: bool) -> None:
    assert bool(list(assertions_that_cannot_fail(code))) is is_found


def test_every_assertion_can_fail(project: Path) -> None:
    modules = sorted((project / "tests").rglob("*.py"))
    assert modules
    found = [
        f"{path.relative_to(project)}:{line}: {fault}"
        for path in modules
        for line, fault in assertions_that_cannot_fail(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)
