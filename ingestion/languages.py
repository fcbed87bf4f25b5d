"""Names, families, scripts and places of languages: the lake's ``languages`` table.

Reads the curated ``languages.csv`` beside this module and nothing else. Which languages a dataset
holds is for ``ingestion.facts``; which of them a study wants is for the study file.

Codes are those of Wikipedia. Points follow the conventions of WALS and Glottolog (one point per
language, where it is or was traditionally spoken) and serve distances, not maps; a constructed
language has the place where it was made.
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
    """A language code has no row in ``languages.csv``."""


@cache
def _curated() -> pl.DataFrame:
    return pl.read_csv(_CURATED, schema=pl.Schema(LAKE["languages"].schema))


def known_languages() -> tuple[str, ...]:
    """Codes of all curated languages, sorted."""
    return tuple(_curated()["language_code"].sort())


def language_table(codes: Iterable[str]) -> pl.DataFrame:
    """Rows of the lake table ``languages`` for the given codes.

    Args:
        codes: Wikipedia language codes in any order; repeated codes give one row.

    Returns:
        One row per code, sorted by ``language_code``, with the contract's columns.

    Raises:
        UnknownLanguageError: A code is not curated; one error for all of them, with near matches.
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
        "no name, family, script and place known for these language codes:\n"
        + "\n".join(lines)
        + f"\nUse a Wikipedia code, or add a row to {_CURATED} "
        f"({', '.join(_curated().columns)})."
    )
