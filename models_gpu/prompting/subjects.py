"""Subjects: which tokens of a query are the subject's.

What belongs here: finding the subject's tokens by their characters in the query's text. What does
not: building queries (``models_gpu.prompting.build``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from models_gpu.errors import ModelError
from models_gpu.prompting.clozes import query_texts
from models_gpu.prompting.queries import Queries
from models_gpu.ragged import Longs

if TYPE_CHECKING:
    from models_gpu.loading.load import LoadedModel

__all__ = ["subject_positions"]


def subject_positions(
    model: LoadedModel, queries: Queries, facts: pl.DataFrame
) -> dict[str, list[int]]:
    """Find the positions of the subject's tokens in the query of every fact.

    A token is the subject's if it has a character of it. The first one may also hold the space
    before it.

    Args:
        model: gives the tokenizer.
        queries: from ``build_queries`` with 'gold', of these facts.
        facts: the same facts, columns ``fact_id, template, subject_label, object_label``.

    Returns:
        Positions in the query, ascending, for every fact of ``queries``. In a causal model a fact
        whose prompt does not hold the subject has none.

    Raises:
        ModelError: a query whose text has other tokens than the query.
    """
    asked = facts.filter(pl.col("fact_id").is_in(queries.fact_ids.implode())).sort("fact_id")
    texts = _causal_texts(asked) if model.family.is_causal else _masked_texts(model, queries, asked)
    encodings = model.encoder.encode_batch([text for text, _ in texts])
    subjects = asked["subject_label"].to_list()
    rows = dict(zip(queries.row_fact.tolist(), queries.row_query.tolist(), strict=True))
    found: dict[str, list[int]] = {}
    for place, fact in enumerate(asked["fact_id"].to_list()):
        if place not in rows:
            continue
        encoding, begin = encodings[place], texts[place][1]
        end = None if begin is None else begin + len(subjects[place])
        found[fact] = []
        if begin is not None and end is not None:
            _require_tokens(queries, rows[place], encoding, fact, model.family.is_causal)
            found[fact] = _overlapping(encoding, begin, end)
    return found


def _masked_texts(
    model: LoadedModel, queries: Queries, facts: pl.DataFrame
) -> list[tuple[str, int | None]]:
    """Make the text of every query, and find where its subject begins."""
    counts = np.ones(facts.height, dtype=np.int32)
    counts[queries.row_fact] = queries.scored_counts[queries.row_query]
    texts, _ = query_texts(model, facts.with_columns(mask_count=pl.Series(counts)))
    starts: list[tuple[str, int | None]] = []
    for text, template, subject in zip(
        texts, facts["template"].to_list(), facts["subject_label"].to_list(), strict=True
    ):
        before, _, after = template.partition("[X]")
        is_first = "[Y]" in after
        # Between the slots a space may be left out, before the first and after the last not.
        starts.append((text, len(before) if is_first else len(text) - len(after) - len(subject)))
    return starts


def _causal_texts(facts: pl.DataFrame) -> list[tuple[str, int | None]]:
    """Make prompt and object of every fact, and find where its subject begins, if at all."""
    starts: list[tuple[str, int | None]] = []
    for template, subject, name in facts.select(
        "template", "subject_label", "object_label"
    ).iter_rows():
        head = template.partition("[Y]")[0]
        place = head.find("[X]")
        starts.append((head.replace("[X]", subject) + name, None if place < 0 else place))
    return starts


def _overlapping(encoding: Any, begin: int, end: int) -> list[int]:
    spans = zip(encoding.offsets, encoding.special_tokens_mask, strict=True)
    return [
        place
        for place, ((low, high), is_special) in enumerate(spans)
        if not is_special and low < end and high > begin
    ]


def _require_tokens(
    queries: Queries, query: int, encoding: Any, fact: str, is_causal: bool
) -> None:
    begin, end = queries.token_offsets[[query, query + 1]]
    own: Longs = queries.token_ids[begin:end].astype(np.int64)
    same = encoding.ids[: len(own)] if is_causal else encoding.ids
    if not np.array_equal(own, np.array(same, dtype=np.int64)):
        raise ModelError(
            f"the subject of fact '{fact}' cannot be found: the tokenizer cuts the text of its "
            f"query into other tokens than before ({len(own)} and {len(encoding.ids)})"
        )
