"""The keys of a study file, as a page for people and as a JSON Schema for editors.

Both are made from the dataclasses of ``dagster_project.study.schema`` and the sentences under their
fields. ``make generate`` writes the page; a test fails when it is stale.
"""

from __future__ import annotations

import ast
import inspect
import json
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter

from dagster_project.paths import PROJECT
from dagster_project.study import schema
from dagster_project.study.schema import LARGEST, Study

__all__ = ["REFERENCE_FILE", "json_schema", "render_reference", "write"]

REFERENCE_FILE = PROJECT / "docs" / "study-file.md"
_HEADER = """\
<!-- Generated from dagster_project/study/schema.py by `make generate`; do not edit. -->
# Study file

All keys of a study file, with their defaults. `factroots init mine.yml` writes a file to begin
with, and `factroots schema` prints a JSON Schema with which editors complete and check keys.
"""


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a study file, with the sentence of every key."""
    found: dict[str, Any] = TypeAdapter(Study).json_schema()
    for title, block in [("Study", found), *found.get("$defs", {}).items()]:
        described = _sentences().get(title, {})
        for name, key in block["properties"].items():
            if name in described:
                key["description"] = described[name]
    found["properties"].pop("path")
    found["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def render_reference() -> str:
    """The page: one section per block, one row per key."""
    sections = [_HEADER]
    for place, block in _blocks(Study, ""):
        hints = get_type_hints(block, include_extras=True)
        title = f"`{place}`" if place else "At the top"
        text = inspect.cleandoc(str(block.__doc__)).split("\n\n")[0].replace("\n", " ")
        rows = ["| key | default | meaning |", "|---|---|---|"]
        for field in fields(block):
            if (place, field.name) != ("", "path"):
                meaning = _sentences()[block.__name__][field.name] + _bound(hints[field.name])
                default = _default(field.default)
                rows.append(f"| `{field.name}` | {default} | {meaning} |".replace("``", "`"))
        sections.append(f"## {title}\n\n{text}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(sections)


def write() -> None:
    """Write the page."""
    REFERENCE_FILE.write_text(render_reference(), encoding="utf-8")


@cache
def _sentences() -> dict[str, dict[str, str]]:
    """Class → key → the text under the field."""
    tree = ast.parse(Path(str(schema.__file__)).read_text(encoding="utf-8"))
    found: dict[str, dict[str, str]] = {}
    for block in tree.body:
        if not isinstance(block, ast.ClassDef):
            continue
        own = found.setdefault(block.name, {})
        for statement, after in zip(block.body, block.body[1:], strict=False):
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
            ):
                own[statement.target.id] = " ".join(str(after.value.value).split())
    return found


def _blocks(block: Any, place: str) -> list[tuple[str, Any]]:
    """A block and those inside it, each with the keys that lead to it."""
    found = [(place, block)]
    hints = get_type_hints(block)
    for field in fields(block):
        for kind in _kinds(hints[field.name]):
            if is_dataclass(kind):
                found += _blocks(kind, f"{place}.{field.name}".strip("."))
    return found


def _kinds(hint: Any) -> list[Any]:
    return [hint, *(each for inner in get_args(hint) for each in _kinds(inner))]


def _bound(hint: Any) -> str:
    """The largest number of a key, if there is one that people can reach."""
    described = [item for kind in _kinds(hint) for item in getattr(kind, "__metadata__", ())]
    limits = [limit for item in described for limit in getattr(item, "metadata", ())]
    most = [limit.le for limit in limits if isinstance(getattr(limit, "le", None), int)]
    return f" At most {most[0]:,}." if most and 1 < most[0] < LARGEST else ""


def _default(value: Any) -> str:
    if value is MISSING:
        return "required"
    if is_dataclass(value) or value == ():
        return ""
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value)}`"


if __name__ == "__main__":
    write()
