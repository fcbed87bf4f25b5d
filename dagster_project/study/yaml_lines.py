"""Line numbers of a study file: where a key or list item is, for error messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

__all__ = ["child", "compose", "line_of", "repeated_keys"]


def compose(path: Path) -> yaml.Node | None:
    """Reads a YAML file as nodes, which know their lines."""
    return yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)


def child(node: yaml.Node | None, key: object) -> yaml.Node | None:
    """The value of a mapping's key, or an item of a list; None if there is none."""
    if isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == str(key)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int):
        return node.value[key]  # type: ignore[no-any-return]
    return None


def repeated_keys(root: yaml.Node | None) -> Iterator[tuple[str, list[int]]]:
    """Keys that a mapping has several times, each with its lines from 1; YAML keeps the last."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            waiting += [part for pair in node.value for part in pair]
            lines: dict[tuple[str, str], list[int]] = {}
            for name, _ in node.value:
                if isinstance(name, yaml.ScalarNode):
                    lines.setdefault((name.tag, name.value), []).append(name.start_mark.line + 1)
            yield from ((key, found) for (_, key), found in lines.items() if len(found) > 1)


def line_of(root: yaml.Node | None, keys: Sequence[object]) -> int | None:
    """Line, from 1, of the deepest of the nested keys that the file has."""
    node, line = root, None
    for key in keys:
        names = node.value if isinstance(node, yaml.MappingNode) else []
        line = next((name.start_mark.line + 1 for name, _ in names if name.value == str(key)), line)
        node = child(node, key)
        if node is None:
            break
        if isinstance(key, int):
            line = node.start_mark.line + 1
    return line
