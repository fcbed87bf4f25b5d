"""Builds the tables that span all languages: ``facts`` and ``relations``.

What does not belong here: reading one language, which the sources do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import polars as pl

from ingestion.facts.source import FactsError, as_table

__all__ = ["merge_facts", "relations_table"]

_CURATED = Path(__file__).parents[1] / "relations.csv"


def merge_facts(facts_by_language: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Merge the facts of all languages.

    Args:
        facts_by_language: for each language code, its rows of the lake table ``facts``.

    Returns:
        Lake table ``facts``: one row per fact_id, sorted by it.

    Raises:
        FactsError: a fact_id has different relations, subjects or objects in two languages.
    """
    frames = [
        frame.with_columns(language_code=pl.lit(language))
        for language, frame in sorted(facts_by_language.items())
    ]
    identity = ["fact_id", "relation_id", "subject_id", "object_id"]
    empty = pl.DataFrame(schema=dict.fromkeys([*identity, "language_code"], pl.String))
    distinct = (
        pl.concat([empty, *frames], how="diagonal")
        .group_by(identity)
        .agg(pl.col("language_code").min())
        .sort("fact_id", "language_code")
    )
    clashes = distinct.filter(pl.col("fact_id").is_duplicated())
    if not clashes.is_empty():
        first, second = clashes.head(2).iter_rows(named=True)
        raise FactsError(
            f"{clashes['fact_id'].n_unique()} fact identifiers mean different facts in "
            f"different languages. First: {first['fact_id']} is "
            + ", but ".join(
                f"({fact['relation_id']}, {fact['subject_id']}, {fact['object_id']}) "
                f"in '{fact['language_code']}'"
                for fact in (first, second)
            )
            + ". Each fact needs one identifier, and the same subject and object in all languages."
        )
    return as_table(distinct, "facts")


def relations_table(relation_ids: Iterable[str]) -> pl.DataFrame:
    """Build the lake table ``relations`` for the given ids, sorted by relation_id.

    Names are Wikidata's English labels from ``relations.csv``. A relation that is not listed there
    is named by its identifier, with spaces instead of underscores.
    """
    names = _curated_names()
    rows = [
        (relation, names.get(relation, relation.replace("_", " ")))
        for relation in sorted(set(relation_ids))
    ]
    schema = {"relation_id": pl.String, "relation_name": pl.String}
    return as_table(pl.DataFrame(rows, schema, orient="row"), "relations")


@cache
def _curated_names() -> dict[str, str]:
    table = pl.read_csv(_CURATED, infer_schema=False)
    return dict(table.select("relation_id", "relation_name").iter_rows())
