"""Collects the names to look for: subject and object of every fact in one language, with aliases.

What does not belong here: finding the names in text (``ingestion.tracing.matching``).
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from ingestion.errors import FactrootsError
from ingestion.facts.source import FactsError, csv_table
from ingestion.lake import fingerprint
from ingestion.restricted import read_bytes
from ingestion.text import left_out, normal_column, normal_name

__all__ = [
    "ALIAS_COLUMNS",
    "FactNames",
    "NamesError",
    "collect_names",
    "read_aliases",
    "rows_left_out",
]

ALIAS_COLUMNS = ("language_code", "entity_id", "alias")
"""Columns of a table of aliases (other names of an entity)."""


class NamesError(FactrootsError, ValueError):
    """Facts, labels or aliases do not fit together; the message names the column or row."""


@dataclass(frozen=True)
class FactNames:
    """Facts of one language as pairs of mentions. A mention is a set of names of one entity.

    Facts that share a name share its mention, so each name is searched once.
    """

    fact_ids: tuple[str, ...]
    """Facts, in the order of the two arrays below."""
    subject_mentions: npt.NDArray[np.int32]
    """Index of the mention of each fact's subject."""
    object_mentions: npt.NDArray[np.int32]
    """Index of the mention of each fact's object."""
    names: tuple[str, ...]
    """Distinct names in normal form, sorted."""
    mention_names: tuple[tuple[int, ...], ...]
    """For each mention, the positions of its names in ``names``."""

    @functools.cached_property
    def digest(self) -> str:
        """Digest of all facts and names, 32 hex digits."""
        mentions = [sorted(self.names[i] for i in names) for names in self.mention_names]
        subjects, objects = self.subject_mentions.tolist(), self.object_mentions.tolist()
        facts = sorted(zip(self.fact_ids, subjects, objects, strict=True))
        return fingerprint([[fact, mentions[s], mentions[o]] for fact, s, o in facts])


def read_aliases(path: Path, within: Path | None = None) -> pl.DataFrame:
    """Read a CSV file with other names of entities.

    Args:
        path: the file.
        within: folder of a restricted study, which it must lie in.

    Returns:
        Columns ``language_code, entity_id, alias``, all of them text.

    Raises:
        NamesError: the file cannot be read, a column is missing or there twice, or a row is
            incomplete.
    """
    try:
        rows = csv_table(path, read_bytes(path, within), ALIAS_COLUMNS)
    except OSError as error:
        raise NamesError(f"cannot read {path}: {error.strerror or error}") from error
    except FactsError as error:
        raise NamesError(str(error)) from error
    rows = rows.with_row_index("line", offset=2)
    empty = [normal_column(pl.col(column).fill_null("")) == "" for column in ALIAS_COLUMNS]
    incomplete = rows.filter(pl.any_horizontal(empty) & ~pl.all_horizontal(empty))
    if len(incomplete):
        raise NamesError(
            f"{path}: {len(incomplete):,} rows are incomplete (the first is row "
            f"{incomplete['line'][0]}); each row needs {', '.join(ALIAS_COLUMNS)}"
        )
    # As the identifiers of the facts.
    ids = normal_column(pl.col("language_code", "entity_id"))
    return rows.filter(~pl.all_horizontal(empty)).drop("line").with_columns(ids)


def rows_left_out(aliases: pl.DataFrame, languages: Sequence[str], facts: pl.DataFrame) -> str:
    """Say which rows of a table of aliases are about nothing that a study has.

    Args:
        aliases: as from ``read_aliases``.
        languages: languages of the study.
        facts: its lake table ``facts``.

    Returns:
        A sentence with their number and names; '' if there are none.
    """
    entities = {*facts["subject_id"], *facts["object_id"]}
    is_asked = pl.col("language_code").is_in(languages)
    unknown = aliases.filter(~is_asked)["language_code"]
    missing = aliases.filter(is_asked & ~pl.col("entity_id").is_in(entities))["entity_id"]
    others = {
        "languages": (Counter(unknown), languages),
        "entities": (Counter(missing), entities),
    }
    return left_out(len(aliases), "rows", others)


def collect_names(
    labels: pl.DataFrame,
    language: str,
    facts: pl.DataFrame | None = None,
    aliases: pl.DataFrame | None = None,
) -> FactNames:
    """Collect the names of a language's facts.

    Args:
        labels: lake table ``fact_labels``; rows of other languages are ignored.
        language: Wikipedia code.
        facts: lake table ``facts``; only needed with aliases, to find each name's entity.
        aliases: columns ``language_code, entity_id, alias``, provided by the user.

    Raises:
        NamesError: a column is missing, aliases come without facts, or a label is empty.
    """
    labels = labels.filter(pl.col("language_code") == language).sort("fact_id")
    if aliases is None:
        subjects: Iterable[str | None] = [None] * len(labels)
        objects: Iterable[str | None] = [None] * len(labels)
        others: dict[str, list[str]] = {}
    else:
        others = _aliases(aliases, language)
        if facts is None:
            raise NamesError("aliases belong to entities: the table of facts is needed as well")
        joined = labels.join(facts, on="fact_id", how="left", maintain_order="left")
        subjects, objects = joined["subject_id"].to_list(), joined["object_id"].to_list()

    mentions: dict[tuple[str, ...], int] = {}

    def mention(label: str, entity: str | None) -> int:
        names = {normal_name(label), *others.get(entity or "", ())}
        return mentions.setdefault(tuple(sorted(names)), len(mentions))

    for column in ("subject_label", "object_label"):
        empty = labels.filter(normal_column(pl.col(column)) == "")
        if len(empty):
            raise NamesError(
                f"{language}: fact {empty['fact_id'][0]!r} has an empty {column}; "
                "leave the fact out, or name it"
            )
    pairs = [
        (mention(subject, subject_id), mention(object_, object_id))
        for subject, object_, subject_id, object_id in zip(
            labels["subject_label"], labels["object_label"], subjects, objects, strict=True
        )
    ]
    names = tuple(sorted({name for group in mentions for name in group}))
    position = {name: index for index, name in enumerate(names)}
    array = np.array(pairs, dtype=np.int32).reshape(-1, 2)
    return FactNames(
        tuple(labels["fact_id"]),
        array[:, 0].copy(),
        array[:, 1].copy(),
        names,
        tuple(tuple(position[name] for name in group) for group in mentions),
    )


def _aliases(aliases: pl.DataFrame, language: str) -> dict[str, list[str]]:
    missing = [column for column in ALIAS_COLUMNS if column not in aliases.columns]
    if missing:
        raise NamesError(
            f"the aliases have no column {missing[0]!r} (they have {', '.join(aliases.columns)}); "
            f"they need {', '.join(ALIAS_COLUMNS)}"
        )
    rows = aliases.filter(
        (pl.col("language_code") == language) & (normal_column(pl.col("alias")) != "")
    )
    others: dict[str, list[str]] = {}
    for entity, alias in zip(rows["entity_id"], rows["alias"], strict=True):
        others.setdefault(entity, []).append(normal_name(alias))
    return others
