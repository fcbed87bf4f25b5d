"""Reads the head of the report: what the study is, and five results in sentences.

Each query of ``queries/head`` gives one sentence per model, and none where the study has no such
data. What does not belong here: figures (``figures``).
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from warehouse.questions import QUERIES

__all__ = ["Head", "read_head"]

_HEAD = QUERIES / "head"


@dataclass(frozen=True)
class Head:
    """The beginning of the report."""

    name: str
    """Name of the study."""
    study: str
    """Sentence with the counts of models, languages, facts and relations."""
    corpora: list[str]
    """One phrase per corpus: its size."""
    published_on: str
    """Day of publication, such as '2026-11-30'."""
    results: dict[str, list[str]]
    """Sentences by model, in the order of the model ids."""


def read_head(connection: duckdb.DuckDBPyConnection) -> Head:
    """Read the head of the report from the published file.

    Raises:
        duckdb.Error: a table is missing.
    """
    [(study,)] = connection.execute(
        """
        select format(
            '{:,} models, {:,} languages, {:,} facts of {:,} relations',
            (select count(*) from dim_models),
            (select count(*) from dim_languages),
            (select count(*) from dim_facts),
            (select count(distinct relation_id) from dim_facts)
        )
        """
    ).fetchall()
    corpora = connection.execute(
        """
        select format(
            '{}: {:,} documents, {:,} characters in {:,} languages',
            corpus_id, document_count, character_count, language_count
        )
        from dim_corpora
        where document_count is not null
        order by corpus_id
        """
    ).fetchall()
    [(published_on,)] = connection.execute(
        "select strftime(published_at::timestamp, '%Y-%m-%d') from operations.publication"
    ).fetchall()
    results: dict[str, list[str]] = {}
    for path in sorted(_HEAD.glob("*.sql")):
        query = path.read_text(encoding="utf-8")
        for model_id, sentence in connection.execute(query).fetchall():
            results.setdefault(model_id, []).append(sentence)
    studies = connection.execute("select distinct study_name from study_overview").fetchall()
    return Head(
        " ".join(str(name) for (name,) in studies),
        study,
        [phrase for (phrase,) in corpora],
        published_on,
        dict(sorted(results.items())),
    )
