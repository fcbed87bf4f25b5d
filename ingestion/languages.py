"""Reads the lake table ``languages`` from the curated ``languages.csv`` in this folder.

What does not belong here: which languages a dataset has (``ingestion.facts``), and which of them a
study uses (the study file).

Codes are those of Wikipedia. Coordinates follow the conventions of WALS and Glottolog: one point
per language, where it is or was traditionally spoken. They are meant for distances, not for maps. A
constructed language has the place where it was created.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import polars as pl

from ingestion.contract import LAKE

__all__ = ["UnknownLanguageError", "known_languages", "language_table"]

_CURATED = Path(__file__).with_name("languages.csv")


class UnknownLanguageError(ValueError):
    """A language code has no row in ``languages.csv``; the message suggests close matches."""


@cache
def _curated() -> pl.DataFrame:
    return pl.read_csv(_CURATED, schema=pl.Schema(LAKE["languages"].schema))


def known_languages() -> tuple[str, ...]:
    """List the codes of all curated languages, sorted."""
    return tuple(_curated()["language_code"].sort())


def language_table(codes: Iterable[str]) -> pl.DataFrame:
    """Read the rows of the lake table ``languages`` for the given codes.

    Args:
        codes: Wikipedia language codes in any order, possibly repeated.

    Returns:
        One row per code, sorted by ``language_code``, with the contract's columns.

    Raises:
        UnknownLanguageError: codes are not curated; one error for all of them.
    """
    wanted = sorted(set(codes))
    known = known_languages()
    if unknown := [code for code in wanted if code not in known]:
        raise UnknownLanguageError(_unknown_message(unknown, known))
    return _curated().filter(pl.col("language_code").is_in(wanted)).sort("language_code")


def _unknown_message(unknown: list[str], known: tuple[str, ...]) -> str:
    names = dict(_curated().select("language_code", "language_name").iter_rows())
    by_name = {name.lower(): code for code, name in names.items()}
    lines = []
    for code in unknown:
        near = dict.fromkeys(
            [
                *(by_name[name] for name in get_close_matches(code.lower(), by_name, 2, 0.8)),
                *get_close_matches(code.lower(), known, 3, 0.6),
            ]
        )
        hint = ", ".join(f"'{match}' ({names[match]})" for match in near)
        lines.append(f"  '{code}'" + (f": did you mean {hint}?" if hint else ""))
    return (
        "name, family, script and coordinates are unknown for these language codes:\n"
        + "\n".join(lines)
        + f"\nUse a Wikipedia code, or add a row to {_CURATED} "
        f"({', '.join(_curated().columns)})."
    )
