"""Line numbers of a study file: where a key or list item is, for error messages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

__all__ = ["child", "compose", "line_of"]


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
