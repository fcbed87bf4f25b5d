"""Runs a notebook's code without Jupyter: each cell in order, in one namespace."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def run_notebook(notebook: Path, leave_out: str | None = None) -> Iterator[Any]:
    """Yields what each code cell would show: the value of its last line, or None.

    Args:
        notebook: an ``.ipynb`` file.
        leave_out: cells with this tag are not run.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code" or leave_out in cell["metadata"].get("tags", []):
            continue
        assert cell["outputs"] == [], "clear all outputs before committing"
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, str(notebook), "exec"), names)
        if isinstance(last, ast.Expr):
            yield eval(compile(ast.Expression(last.value), str(notebook), "eval"), names)
        else:
            yield None
