"""A study file as YAML: its values, the lines of its keys, and one more item at the end of a list.

ruamel.yaml reads the file. What the keys of a study mean belongs in ``dagster_project.study.load``.
"""

from __future__ import annotations

import io
import itertools
import json
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MantissaNoDotYAML1_1Warning, MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

_LARGEST_BYTES = 1 << 20
"""A study of a thousand models has a tenth of this."""
_DEEPEST = 50
"""A study nests four blocks."""
_MOST_NODES = 100_000
"""Values of a file with its aliases replaced; 300 bytes of aliases can mean a thousand millions."""
_LINE_END = re.compile("(\r\n|[\r\n\x85\u2028\u2029])")

__all__ = ["FileError", "line_of", "lines", "read", "with_item", "with_key"]


class FileError(ValueError):
    """The file is not YAML; ``line`` says where, from 1, if that is known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        self.line = line
        super().__init__(message)


def read(path: Path) -> Any:
    """Reads the values of a file as plain Python objects.

    Raises:
        FileError: the file cannot be read, is not YAML, has a key twice, or is too large.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise FileError(f"it has more than {_LARGEST_BYTES:,} bytes, so it is no study file")
        text = path.read_text(encoding="utf-8")
        with warnings.catch_warnings():
            # It is about 1e-3, which is a number here.
            warnings.simplefilter("ignore", MantissaNoDotYAML1_1Warning)
            _check_depth(text)
            root = _yaml("rt").compose(text)
            _check_size(root)
            _check_keys(root)
            return _yaml("safe").load(text)
    except OSError as error:
        raise FileError(error.strerror or str(error)) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = None if mark is None else mark.line + 1
        raise FileError(f"{error.context or ''} {error.problem}".strip(), where) from error
    except (YAMLError, ValueError, TypeError, LookupError, AttributeError) as error:
        # ruamel.yaml reads dates and numbers, such as 2020-99-99, without a look at them.
        raise error if isinstance(error, FileError) else FileError(_one_line(error)) from error


def _check_depth(text: str) -> None:
    """Refuses a file that is nested deeply: ruamel.yaml then takes minutes, or ends in recursion.

    Raises:
        FileError: it is.
    """
    depth = 0
    for event in _yaml("rt").parse(io.StringIO(text)):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > _DEEPEST:
            raise FileError("it is nested too deeply", event.start_mark.line + 1)


def _check_size(root: Node | None) -> None:
    """Refuses a file that is much larger where its aliases (*name) are replaced by what they mean.

    Raises:
        FileError: it is.
    """
    sizes: dict[int, int] = {}
    at_work: set[int] = set()

    def size(node: Any) -> int:
        if id(node) in at_work:
            raise FileError("an alias contains itself", node.start_mark.line + 1)
        if id(node) not in sizes:
            at_work.add(id(node))
            inner = node.value if isinstance(node, MappingNode | SequenceNode) else ()
            if isinstance(node, MappingNode):
                inner = itertools.chain.from_iterable(inner)
            sizes[id(node)] = 1 + sum(size(each) for each in inner)
            at_work.discard(id(node))
        return sizes[id(node)]

    if root is not None and size(root) > _MOST_NODES:
        raise FileError(f"with its aliases it has more than {_MOST_NODES:,} values")


def _check_keys(root: Node | None) -> None:
    """Refuses a mapping with a key twice: one of the two would be dropped.

    Raises:
        FileError: it has; with both lines. Keys that are written differently (1, 0x1) are left to
            ruamel.yaml.
    """
    seen: set[int] = set()
    nodes = [root]
    while nodes:
        node = nodes.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, SequenceNode):
            nodes += node.value
        elif isinstance(node, MappingNode):
            first_lines: dict[str, int] = {}
            for key, value in node.value:
                nodes += [key, value]
                name, line = str(key.value), key.start_mark.line + 1
                if name in first_lines:
                    where = f"{first_lines[name]} and {line}"
                    raise FileError(f"key {name!r} stands twice, in lines {where}: keep one", line)
                first_lines[name] = line


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def lines(path: Path) -> Any:
    """Reads a file as mappings and lists that know their lines, for ``line_of``."""
    return _with_lines(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=4)
def _with_lines(text: str) -> Any:
    """Reads a text once for all problems in it."""
    return _yaml("rt").load(text)


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


def with_item(path: Path, key: str, item: Mapping[str, object]) -> str:
    """Adds an item at the end of a list, or a list of this item alone.

    The item is put into the text: writing the whole file with ruamel.yaml would keep its comments,
    but not its indentation, line breaks and spaces.

    Args:
        path: the file.
        key: top-level key of the list.
        item: the new item, written in one line.

    Returns:
        Text of the new file.

    Raises:
        FileError: the layout of the file does not allow it; says what to add by hand.
    """
    text, root = _composed(path)
    entry = _in_one_line(item)
    found = next((value for name, value in root.value if name.value == key), None)
    if found is None and root.flow_style:
        new = _after(text, root, f"{key}: [{entry}]")
    elif found is None:
        new = _below(text, root, f"{key}:", f"  - {entry}")
    elif found.value and isinstance(found, SequenceNode):
        add = _after if found.flow_style else _below
        new = add(text, found, entry if found.flow_style else f"- {entry}")
    else:
        # Nothing stands there, or [].
        line = found.start_mark.line + 1
        raise FileError(f"{key} is empty: write there yourself: {key}: [{entry}]", line)

    def added(values: dict[str, Any]) -> None:
        values[key] = [*(values.get(key) or []), _values(entry)]

    _check_edit(text, new, added, f"add this item to {key} yourself: {entry}", found or root)
    return new


def with_key(path: Path, key: str, block_id: str, name: str, value: str) -> str:
    """Adds a key to an item of a list: at the end of its line, or as a line of its own.

    Args:
        path: the file.
        key: top-level key of the list.
        block_id: value of ``id`` in the item, which lacks the key.
        name: the new key.
        value: its value.

    Returns:
        Text of the new file.

    Raises:
        FileError: the layout of the file does not allow it; says what to add by hand.
    """
    text, root = _composed(path)
    entry = _in_one_line({name: value})[1:-1]
    ids = [item.get("id") for item in _values(text)[key]]
    found = next(value for name, value in root.value if name.value == key)
    if block_id not in ids:
        line = found.start_mark.line + 1
        raise FileError(
            f"{block_id} is one of several that a block of {key} makes: write a block of its own, "
            f"with {entry}",
            line,
        )
    place = ids.index(block_id)
    item = found.value[place]
    new = (_after if item.flow_style else _below)(text, item, entry)

    def added(values: dict[str, Any]) -> None:
        values[key][place] |= _values(entry)

    _check_edit(text, new, added, f"add this to {block_id} yourself: {entry}", item)
    return new


def _composed(path: Path) -> tuple[str, Any]:
    """Text of a file, and its nodes. As bytes: reading as text would change the ends of lines."""
    text = path.read_bytes().decode()
    return text, _yaml("rt").compose(text)


def _values(text: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MantissaNoDotYAML1_1Warning)
        return _yaml("safe").load(text)


def _after(text: str, node: Any, entry: str) -> str:
    """The text with one more entry after the last one of a mapping or list in brackets."""
    last = node.value[-1][1] if isinstance(node, MappingNode) else node.value[-1]
    end = last.end_mark.index
    return f"{text[:end]}, {entry}{text[end:]}"


def _below(text: str, node: Any, *entries: str) -> str:
    """The text with lines below the last one of a mapping or list, indented as it is."""
    # Rows and their ends in turn; lines end where YAML 1.1 says.
    rows = _LINE_END.split(text)
    end = rows[1] if len(rows) > 1 else "\n"
    place = 2 * _last_line(node) + 1
    if place == len(rows):
        rows += [end, ""]
    indent = " " * node.start_mark.column
    rows.insert(place + 1, "".join(f"{indent}{entry}{end}" for entry in entries))
    return "".join(rows)


def _check_edit(
    text: str, new: str, edit: Callable[[dict[str, Any]], None], remedy: str, node: Any
) -> None:
    """Compares what both texts mean: comments, anchors and merge keys can catch what is added.

    Args:
        text: the text before.
        new: the edited text.
        edit: changes the values of the first into those that the second should have.
        remedy: what to do if it has not.
        node: what was edited.

    Raises:
        FileError: it has not.
    """
    # By way of JSON: an alias would be the same object twice, and change with the other.
    expected = json.loads(json.dumps(_values(text), default=str))
    edit(expected)
    try:
        found = json.loads(json.dumps(_values(new), default=str))
    except (YAMLError, ValueError, TypeError, LookupError, AttributeError):
        found = None
    if found != expected:
        line = node.start_mark.line + 1
        raise FileError(f"its layout does not allow adding a line: {remedy}", line)


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
    is_block = isinstance(node, ScalarNode) and node.style in ("|", ">")
    return int(node.end_mark.line) - (is_block and node.end_mark.column == 0)
