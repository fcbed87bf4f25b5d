"""Gold pairs: which token ids are ranked at which mask.

What belongs here: index arithmetic over queries. What does not: logits
(``models_gpu.engine.scoring``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models_gpu.prompting.queries import Queries
from models_gpu.ragged import Longs, ranges

__all__ = ["GoldPairs", "gold_pairs"]


@dataclass(frozen=True)
class GoldPairs:
    """Distinct pairs of mask and gold token, in two sections.

    Facts that share a query can have different gold tokens at the same mask. The first section
    holds one pair per mask, the second all others. Both are sorted by mask.
    """

    mask: Longs
    """``[pairs]`` the mask."""
    token_id: Longs
    """``[pairs]`` the gold token."""
    sections: tuple[slice, slice]
    """The two sections."""
    place: Longs
    """For each gold token of the scored rows, its pair."""
    scored_rows: Longs
    """Rows with as many masks as their object has tokens."""

    def within(self, section: slice, low: int, high: int) -> slice:
        """Find the pairs of a section whose masks are ``low … high - 1``."""
        masks = self.mask[section]
        begin, end = np.searchsorted(masks, [low, high])
        return slice(section.start + int(begin), section.start + int(end))


def gold_pairs(queries: Queries, vocabulary: int) -> GoldPairs:
    """Collect the distinct pairs of mask and gold token of all scored rows."""
    counts = queries.scored_counts[queries.row_query]
    gold_counts = np.diff(queries.gold_offsets)[queries.row_fact]
    scored = np.flatnonzero(counts == gold_counts)
    masks = ranges(queries.scored_offsets[:-1][queries.row_query[scored]], counts[scored])
    golds = queries.gold_ids[
        ranges(queries.gold_offsets[:-1][queries.row_fact[scored]], counts[scored])
    ]
    keys, place = np.unique(masks * vocabulary + golds, return_inverse=True)
    mask, token_id = keys // vocabulary, keys % vocabulary
    is_first = np.ones(len(mask), dtype=bool)
    is_first[1:] = mask[1:] != mask[:-1]
    order = np.argsort(~is_first, kind="stable")
    new_place = np.empty(len(order), dtype=np.int64)
    new_place[order] = np.arange(len(order))
    first_count = int(is_first.sum())
    return GoldPairs(
        mask=mask[order],
        token_id=token_id[order],
        sections=(slice(0, first_count), slice(first_count, len(mask))),
        place=new_place[place],
        scored_rows=scored,
    )
