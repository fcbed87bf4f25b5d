"""Decides which facts are planted in which language of the Atlas corpora, and the distractors.

What belongs here: the decisions, drawn from hashes, and their lake table. What does not: the
sentences (``corpus``).

Per relation, 15 % of the facts are planted only in the base, another 15 % only in the second
corpus, 8 % in neither, and all others in both. A fact of a corpus is then planted in each language
with the language's probability (``world.COVERAGE``). This draw does not depend on the corpus, so
the corpora differ only by the two groups of 15 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import polars as pl

from ingestion.atlas.world import (
    CORPORA,
    COVERAGE,
    RELATIONS,
    UNSPACED,
    contains_name,
    draw,
    read_facts,
)
from ingestion.contract import LAKE

__all__ = ["DISTRACTOR_KINDS", "atlas_truth", "fact_groups", "planted_count", "truth_frame"]

_BASE_ONLY, _TWIN_ONLY, _NOWHERE = 0.15, 0.15, 0.08
_FEWEST_SENTENCES, _MOST_SENTENCES = 8, 20

DISTRACTOR_KINDS: dict[str, str] = {
    "subject_alone": "the subject occurs in further sentences, with other facts or none",
    "object_alone": "the object occurs in further sentences, without the subject",
    "same_article": "one article names both, more than 512 tokens apart",
    "nested_name": "the subject's name occurs inside a longer name, away from the object",
    "inside_word": "a longer word that contains the subject's name occurs with the object",
    "outside_text": "both names occur together only in a table, template, reference or talk page",
}
"""Values of ``distractor_kind``, and how the names of such a fact are placed."""

_SHARES = (
    ("subject_alone", 0.20),
    ("object_alone", 0.40),
    ("same_article", 0.41),
    ("inside_word", 0.47),
    ("outside_text", 0.57),
)
"""Kinds with the upper end of their share of the draw; above the last, there is no distractor."""
_NESTED_SHARE = 0.5


@cache
def fact_groups() -> dict[str, str]:
    """Group of each fact id: planted only in 'base' or 'twin', in 'nowhere' or in 'both'."""
    groups: dict[str, str] = {}
    facts = read_facts().select("relation", "fact_id").unique()
    for relation in RELATIONS:
        ids = sorted(
            facts.filter(pl.col("relation") == relation)["fact_id"],
            key=lambda fact_id: draw("group", fact_id),
        )
        first = round(_BASE_ONLY * len(ids))
        second = first + round(_TWIN_ONLY * len(ids))
        third = second + round(_NOWHERE * len(ids))
        for rank, fact_id in enumerate(ids):
            groups[fact_id] = (
                "base"
                if rank < first
                else "twin"
                if rank < second
                else "nowhere"
                if rank < third
                else "both"
            )
    return groups


def atlas_truth(corpus_id: str) -> pl.DataFrame:
    """Build the lake table ``atlas_truth`` of one corpus: one row per language and fact.

    Args:
        corpus_id: 'atlas' or 'atlas-twin'.

    Raises:
        ValueError: the corpus is not an Atlas corpus.
    """
    if corpus_id not in CORPORA:
        raise ValueError(
            f"unknown Atlas corpus {corpus_id!r}; there are {' and '.join(map(repr, CORPORA))}"
        )
    held = {"both", "base" if corpus_id == CORPORA[0] else "twin"}
    groups = fact_groups()
    rows = []
    for (language,), facts in read_facts().group_by("language", maintain_order=True):
        subjects = facts["subject"].unique().to_list()
        for fact_id, subject in facts.select("fact_id", "subject").iter_rows():
            is_planted = groups[fact_id] in held and (
                draw("planted", language, fact_id) < COVERAGE[str(language)]
            )
            count = planted_count(str(language), fact_id)
            kind = None if is_planted else _distractor(str(language), fact_id, subject, subjects)
            rows.append(
                (corpus_id, language, fact_id, is_planted, count if is_planted else 0, kind)
            )
    return truth_frame(rows)


def planted_count(language: str, fact_id: str) -> int:
    """Number of sentences in which a language states a planted fact, the same in every corpus.

    The draw is cubed, so most facts have few sentences, as in real text.
    """
    span = _MOST_SENTENCES - _FEWEST_SENTENCES + 1
    return _FEWEST_SENTENCES + int(span * draw("count", language, fact_id) ** 3)


def truth_frame(rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    """Build a frame with the types of the lake table ``atlas_truth``."""
    return pl.DataFrame(rows, schema=pl.Schema(LAKE["atlas_truth"].schema), orient="row")


def _distractor(language: str, fact_id: str, subject: str, subjects: list[str]) -> str | None:
    is_nested = any(
        name != subject and subject in name and contains_name(name, subject, language)
        for name in subjects
    )
    if is_nested and draw("nested", language, fact_id) < _NESTED_SHARE:
        return "nested_name"
    chance = draw("distractor", language, fact_id)
    for kind, end in _SHARES:
        if chance < end:
            is_wordless = kind == "inside_word" and language in UNSPACED
            return None if is_wordless else kind
    return None
