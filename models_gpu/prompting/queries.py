"""Queries: token ids, scored positions and gold ids of facts, as ragged arrays.

What belongs here: the form of queries, which masked and causal models share, and what holds for
both kinds. What does not: making queries (``models_gpu.prompting.build``), running a model.
Definitions: docs/method.md#probing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import polars as pl

from models_gpu.errors import ModelError
from models_gpu.ragged import Ints, Longs, offsets_of, ranges

if TYPE_CHECKING:
    from models_gpu.loading.load import LoadedModel

__all__ = ["Queries", "QueryBuilder", "longest_first", "require_gold_counts"]


@dataclass(frozen=True)
class Queries:
    """Distinct queries, and the facts that use them.

    A token of an object is *scored* at the position whose output predicts it: in a masked model at
    its mask, in a causal model at the token before it. The query of a causal model is the prompt
    and all tokens of the object but the last, so that every token is predicted after the gold
    tokens (teacher forcing). "At the object" always means the scored positions.

    Ragged arrays come in pairs: all values in one array, and offsets with one entry more than there
    are items. Item i is ``values[offsets[i]:offsets[i + 1]]``.
    """

    token_ids: Ints
    """``[tokens]`` ids of all queries, special tokens included."""
    token_offsets: Longs
    """``[queries + 1]`` where the tokens of a query begin."""
    scored_positions: Ints
    """``[scored]`` positions within their query at which the object's tokens are predicted."""
    scored_offsets: Longs
    """``[queries + 1]`` where the scored positions of a query begin."""
    row_fact: Ints
    """``[rows]`` index into ``fact_ids``; rows are sorted by fact id, then mask count."""
    row_query: Ints
    """``[rows]`` the query of a row; several rows may share one."""
    fact_ids: pl.Series
    """``[facts]`` sorted."""
    gold_ids: Ints
    """Token ids of the facts' objects, without the ignored token. With 'gold' mask counts there is
    one per scored position; an object without tokens still has one scored position."""
    gold_offsets: Longs
    """``[facts + 1]`` where the gold ids of a fact begin."""
    prompt_codes: pl.Series
    """``[facts]`` part of the template that the model reads: 'whole', or in a causal model 'cut' or
    'no_subject' (``models_gpu.prompting.causal_prompts.prompt_code``)."""

    @property
    def count(self) -> int:
        """Number of distinct queries."""
        return len(self.token_offsets) - 1

    @property
    def lengths(self) -> Longs:
        """``[queries]`` tokens per query."""
        return np.diff(self.token_offsets)

    @property
    def scored_counts(self) -> Longs:
        """``[queries]`` scored positions per query, at least one."""
        return np.diff(self.scored_offsets)


class QueryBuilder(Protocol):
    """Turns facts into queries for one kind of model: masked or causal."""

    def __call__(self, model: LoadedModel, facts: pl.DataFrame, mask_counts: str) -> Queries:
        """Build the distinct queries of some facts, in any order.

        Args:
            model: a model of this kind; gives the tokenizer.
            facts: columns ``FACT_COLUMNS``, sorted by fact id, checked by ``build_queries``.
            mask_counts: 'gold' or 'all'.

        Raises:
            ModelError: facts or mask counts that this kind of model cannot be queried with.
        """
        ...


def longest_first(queries: Queries) -> Queries:
    """Sort queries by length, longest first; equal lengths keep their order.

    So the batch that needs most memory is run first, before time is spent on the others.
    """
    counts, scored_counts = queries.lengths, queries.scored_counts
    order = np.argsort(-counts, kind="stable")
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    tokens = ranges(queries.token_offsets[:-1][order], counts[order])
    scored = ranges(queries.scored_offsets[:-1][order], scored_counts[order])
    return replace(
        queries,
        token_ids=queries.token_ids[tokens],
        token_offsets=offsets_of(counts[order]),
        scored_positions=queries.scored_positions[scored],
        scored_offsets=offsets_of(scored_counts[order]),
        row_query=place[queries.row_query],
    )


def require_gold_counts(queries: Queries, rows: Longs) -> None:
    """Check that rows have as many scored positions as their object has tokens.

    Raises:
        ModelError: a row has another number.
    """
    counts = queries.scored_counts[queries.row_query[rows]]
    fact = queries.row_fact[rows]
    gold_counts = np.diff(queries.gold_offsets)[fact]
    wrong = np.flatnonzero(counts != gold_counts)
    if len(wrong):
        first = wrong[0]
        raise ModelError(
            f"fact '{queries.fact_ids[int(fact[first])]}' has {counts[first]} scored positions, "
            f"but its object has {gold_counts[first]} tokens; these numbers must be equal"
        )
