"""Reads lines of JSON objects into columns, and says what is wrong with a line.

What does not belong here: which keys a format has, and which values are accepted (``sifting``).
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

import orjson
import polars as pl

__all__ = ["JsonRows", "explain", "json_type"]


class JsonRows:
    """Lines of many files, collected for one frame, because one frame per file is slow."""

    def __init__(self, schema: pl.Schema) -> None:
        self._schema = schema
        self.rows: list[tuple[str | int | None, ...]] = []

    def parse(
        self, lines: Sequence[bytes], keys: tuple[str, ...], name: str, relation: tuple[str, ...]
    ) -> None:
        """Add the values of ``keys`` for each non-blank line, or the reason for its rejection."""
        pick = itemgetter(*keys) if len(keys) > 1 else lambda record: (record[keys[0]],)
        nothing, only_text = (None,) * len(keys), {str}
        loads, add = orjson.loads, self.rows.append
        for number, line in enumerate(lines, 1):
            if not line or line.isspace():
                continue
            try:
                values = pick(loads(line))
            except (ValueError, KeyError, TypeError):
                values = nothing
            if set(map(type, values)) == only_text:
                add((name, number, None, *relation, *values))
            else:
                add((name, number, explain(line, keys), *relation, *nothing))

    def frame(self) -> pl.DataFrame:
        """All lines added so far, in that order."""
        columns = zip(*self.rows, strict=True) if self.rows else ((),) * len(self._schema)
        return pl.DataFrame(dict(zip(self._schema, columns, strict=True)), self._schema)


def explain(line: bytes, keys: tuple[str, ...]) -> str:
    """Explain why a line does not have a string for each of ``keys``."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return f"not valid UTF-8 at byte {error.start + 1}"
    try:
        record = orjson.loads(line)
    except ValueError as error:
        return f"not valid JSON: {error}"
    if not isinstance(record, dict):
        return f"not a JSON object but {json_type(record)}"
    if missing := [key for key in keys if key not in record]:
        return f"key missing: {', '.join(missing)}"
    return "; ".join(
        f"{key} is {json_type(record[key])} instead of a string"
        for key in keys
        if not isinstance(record[key], str)
    )


def json_type(value: object) -> str:
    """Name of a JSON value's type, as people say it."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "a number")
