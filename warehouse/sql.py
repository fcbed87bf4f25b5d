"""Quoting of names and texts in SQL. What does not belong here: queries."""

from __future__ import annotations

__all__ = ["identifier", "literal"]


def identifier(name: str) -> str:
    """Quote a name for SQL, such as a table or column."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: object) -> str:
    """Quote a text for SQL."""
    return "'" + str(text).replace("'", "''") + "'"
