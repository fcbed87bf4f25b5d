"""The order of languages in matrices, worked out by hand on four languages."""

from __future__ import annotations

import pytest

from warehouse.report.order import similarity_order

PAIRS = {"ab": 0.2, "ac": 0.9, "ad": 0.3, "bc": 0.1, "bd": 0.8, "cd": 0.4}
SIMILARITIES = {frozenset(pair): score for pair, score in PAIRS.items()}


def test_similar_languages_are_neighbours_and_groups_meet_at_their_most_similar_ends() -> None:
    # a-c (.9), then b-d (.8); of their ends c and d are the most alike (.4): a c | d b.
    assert similarity_order("abcd", SIMILARITIES) == ("a", "c", "d", "b")


@pytest.mark.parametrize(
    ("languages", "similarities", "expected"),
    [
        ("", {}, ()),
        ("ab", {}, ("a", "b")),
        ("xabcd", SIMILARITIES, ("a", "c", "d", "b", "x")),
        # A missing pair counts as the lowest, so that all ends are equal, and no group is turned.
        ("abcd", {frozenset(pair): PAIRS[pair] for pair in ("ac", "bd", "ad")}, tuple("acbd")),
    ],
    ids=["none", "no similarity", "one without", "a missing pair"],
)  # fmt: skip
def test_languages_and_pairs_may_be_missing(
    languages: str, similarities: dict[frozenset[str], float], expected: tuple[str, ...]
) -> None:
    assert similarity_order(languages, similarities) == expected
