"""A study file as YAML: its values, the lines of its keys, and one more item at the end of a list.

ruamel.yaml reads the file. What the keys of a study mean belongs in ``dagster_project.study.load``.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MantissaNoDotYAML1_1Warning, MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

__all__ = ["FileError", "line_of", "lines", "read", "with_item"]


class FileError(ValueError):
    """The file is not YAML; ``line`` says where, from 1, if that is known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        self.line = line
        super().__init__(message)


def read(path: Path) -> Any:
    """Reads the values of a file as plain Python objects.

    Raises:
        FileError: the file is not YAML, or has a key twice.
    """
    try:
        with warnings.catch_warnings():
            # It is about 1e-3, which is a number here.
            warnings.simplefilter("ignore", MantissaNoDotYAML1_1Warning)
            return _yaml("safe").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = None if mark is None else mark.line + 1
        raise FileError(f"{error.context or ''} {error.problem}".strip(), where) from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise FileError(str(error)) from error


def lines(path: Path) -> Any:
    """Reads a file as mappings and lists that know their lines, for ``line_of``."""
    return _yaml("rt").load(path.read_text(encoding="utf-8"))


def line_of(root: Any, keys: Sequence[object]) -> int | None:
    """Line, from 1, of the deepest of the nested keys and list items that the file has."""
    line = None
    for key in keys:
        known = isinstance(root, CommentedMap | CommentedSeq)
        places: Mapping[object, Sequence[int]] = (root.lc.data if known else None) or {}
        if key not in places:
            break
        line, root = places[key][0] + 1, root[key]
    return line


def with_item(path: Path, key: str, item: Mapping[str, object]) -> tuple[str, str]:
    """Adds an item at the end of a list that is not empty.

    The item is put into the text: writing the whole file with ruamel.yaml would keep its comments,
    but not its indentation, line breaks and spaces.

    Args:
        path: the file.
        key: top-level key of the list.
        item: the new item, written in one line.

    Returns:
        Text of the new file, and the item as it is written there.
    """
    text = path.read_text(encoding="utf-8")
    entry = _in_one_line(item)
    root = _yaml("rt").compose(text)
    found = next(value for name, value in root.value if name.value == key)
    if found.flow_style:
        end = found.end_mark.index - 1
        return f"{text[:end].rstrip().rstrip(',')}, {entry}{text[end:]}", entry
    rows = text.splitlines(keepends=True)
    last = _last_line(found.value[-1])
    if not rows[last].endswith("\n"):
        rows[last] += "\n"
    rows.insert(last + 1, f"{' ' * found.start_mark.column}- {entry}\n")
    return "".join(rows), entry


def _yaml(kind: str) -> YAML:
    # YAML 1.1: bare yes and no are truth values, and an error asks for quotes.
    yaml = YAML(typ=kind, pure=True)
    yaml.version = (1, 1)
    return yaml


def _in_one_line(item: Mapping[str, object]) -> str:
    yaml = _yaml("safe")
    yaml.default_flow_style, yaml.width, yaml.allow_unicode = True, 10_000, True
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    written = io.StringIO()
    yaml.dump(dict(item), written)
    # Before the item stands the version of YAML.
    return written.getvalue().partition("--- ")[2].strip()


def _last_line(node: Node) -> int:
    """Line, from 0, on which a node's text ends; a block's end mark is after its comments."""
    if isinstance(node, MappingNode) and not node.flow_style:
        return max(_last_line(value) for _, value in node.value)
    if isinstance(node, SequenceNode) and not node.flow_style:
        return max(_last_line(value) for value in node.value)
    return int(node.end_mark.line)
