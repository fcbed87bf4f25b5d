"""Reads the lake table ``languages`` from ``languages.csv`` here and from a table of one's own.

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
from ingestion.errors import FactrootsError
from ingestion.facts.source import FactsError, csv_table
from ingestion.restricted import read_bytes
from ingestion.text import normal_column

__all__ = ["LanguagesError", "known_languages", "language_table", "read_languages"]

_CURATED = Path(__file__).with_name("languages.csv")


class LanguagesError(FactrootsError):
    """A language code is described nowhere, or a table of languages cannot be read."""


@cache
def _curated() -> pl.DataFrame:
    return pl.read_csv(_CURATED, schema=pl.Schema(LAKE["languages"].schema))


def known_languages() -> tuple[str, ...]:
    """List the codes of all curated languages, sorted."""
    return tuple(_curated()["language_code"].sort())


def read_languages(path: Path, within: Path | None = None) -> pl.DataFrame:
    """Read a table of languages of one's own: a CSV with the columns of ``languages.csv``.

    Args:
        path: the file.
        within: folder that it must lie in; None allows any.

    Returns:
        One row per language, with the contract's columns. A branch that is empty is the family.

    Raises:
        LanguagesError: what is wrong with the file, and in which row.
        RestrictedError, OSError: it cannot be opened.
    """
    schema = pl.Schema(LAKE["languages"].schema)
    try:
        rows = csv_table(path, read_bytes(path, within), schema.names())
    except FactsError as error:
        raise LanguagesError(str(error)) from error
    rows = rows.with_columns(normal_column(pl.all()).replace("", None))
    rows = rows.with_columns(pl.coalesce("language_branch", "language_family"))
    typed = rows.select(pl.col(name).cast(kind, strict=False) for name, kind in schema.items())
    limits = {"latitude": 90, "longitude": 180}
    wrong = typed.with_columns(pl.when(pl.col(n).abs() <= m).then(n) for n, m in limits.items())
    for number, row in enumerate(wrong.iter_rows(named=True), 2):
        faults = [name for name, value in row.items() if value is None]
        if faults:
            raise LanguagesError(
                f"{path.name}, line {number}: {', '.join(faults)} is empty or no such value; "
                "latitude is -90 to 90, longitude -180 to 180, in degrees"
            )
    twice = typed.filter(typed["language_code"].is_duplicated())
    if len(twice):
        raise LanguagesError(f"{path.name} has the language {twice['language_code'][0]!r} twice")
    return typed


def language_table(codes: Iterable[str], own: pl.DataFrame | None = None) -> pl.DataFrame:
    """Get the rows of the lake table ``languages`` for the given codes.

    Args:
        codes: language codes in any order, possibly repeated.
        own: from ``read_languages``; describes languages that ``languages.csv`` lacks, or describes
            otherwise.

    Returns:
        One row per code, sorted by ``language_code``, with the contract's columns.

    Raises:
        LanguagesError: codes are described nowhere; one error for all of them.
    """
    wanted = sorted(set(codes))
    rows = _curated()
    if own is not None:
        rows = pl.concat([own, rows.join(own, on="language_code", how="anti")])
    known = tuple(rows["language_code"].sort())
    if unknown := [code for code in wanted if code not in known]:
        raise LanguagesError(_unknown_message(unknown, known))
    return rows.filter(pl.col("language_code").is_in(wanted)).sort("language_code")


def _unknown_message(unknown: list[str], known: tuple[str, ...]) -> str:
    described = _curated().select("language_code", "language_name").iter_rows()
    names = {code: code for code in known} | dict(described)
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
        + "\nUse a Wikipedia code, or describe them in a CSV with the columns "
        f"{', '.join(_curated().columns)}, "
        "and name it in the study: 'facts: {language_table: FILE, …}'."
    )
