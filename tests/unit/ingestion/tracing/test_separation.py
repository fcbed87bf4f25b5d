"""Names that stand apart: one mention is not two, and a Korean name ends where its word ends."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

import polars as pl
import pytest

from ingestion.corpora import Document
from ingestion.tracing import TracingSettings, collect_names, count_documents, finish, merge
from ingestion.tracing.separation import Span, stand_apart


def counts_of(
    language: str, subject: str, object_: str, *texts: str, settings: TracingSettings | None = None
) -> tuple[int, int]:
    """Documents that have both names, and those in which they stand apart."""
    labels = pl.DataFrame(
        {
            "language_code": [language],
            "fact_id": ["f"],
            "subject_label": [subject],
            "object_label": [object_],
        }
    )
    names = collect_names(labels, language)
    settings = settings or TracingSettings(("article",))
    counted = merge(
        count_documents([Document(f"t{number}", text)], language, names, settings)
        for number, text in enumerate(texts)
    )
    # Little of nothing was read, so that the sizes are not looked at.
    (row,) = finish(replace(counted, tallies={}), names, "c", language)[0].rows(named=True)
    return row["shared_count"], row["separate_count"]


@pytest.mark.parametrize(
    ("subject", "object_", "text", "is_apart"),
    [
        ("York", "New York", "New York is big.", False),
        ("New York", "York", "New York is big.", False),
        ("York", "New York", "New York and New York", False),
        ("York", "New York", "York is older than New York.", True),
        ("New York", "York", "New York was called after York.", True),
        ("Luxembourg", "Luxembourg", "Luxembourg is small.", False),
        ("Luxembourg", "Luxembourg", "Luxembourg is the capital of Luxembourg.", True),
        ("New York", "York City", "New York City", False),
        ("New York", "York City", "New York City is no part of York City.", True),
        ("Bank of China", "China", "The Bank of China grew.", False),
        ("Bern", "Berne", "Berne, in German Bern", True),
    ],
)
def test_one_mention_does_not_count_as_two_names(
    subject: str, object_: str, text: str, is_apart: bool
) -> None:
    assert counts_of("en", subject, object_, text) == (1, int(is_apart))


def test_case_is_folded_where_the_names_are() -> None:
    folded = TracingSettings(("article",), matching="casefold")
    texts = ("NEW YORK is big.", "York and NEW york")
    assert counts_of("en", "York", "New York", *texts, settings=folded) == (2, 1)


def test_names_without_borders_stand_apart_in_chinese() -> None:
    texts = ("中国银行很大。", "中国有中国银行。", "中国银行中国银行。")
    assert counts_of("zh", "中国银行", "中国", *texts) == (3, 1)


@pytest.mark.parametrize(
    ("word", "is_whole"),
    [
        ("기니", True),
        ("기니는", True),
        ("기니에서는", True),
        ("기니와의", True),
        ("기니이다", True),
        ("기니였다", True),
        ("기니들의", True),
        ("기니-비사우", True),
        ("기니 비사우", True),
        ("기니비사우", False),
        ("기니비사우는", False),
        ("기니인", False),
    ],
)
def test_a_korean_name_may_be_followed_by_particles_only(word: str, is_whole: bool) -> None:
    """Guinea is not mentioned by Guinea-Bissau (recomputation: 12 sentences in place of 1)."""
    assert counts_of("ko", "기니", "아프리카", f"{word} 아프리카") == (1, int(is_whole))
    assert counts_of("ko", "아프리카", "기니", f"{word} 아프리카") == (1, int(is_whole))


def test_another_mention_of_the_name_decides() -> None:
    texts = ("다카르와 다카는 도시이다. 아시아", "다카르는 도시이다. 아시아")
    assert counts_of("ko", "다카", "아시아", *texts) == (2, 1)


def _plain(subjects: list[Span], objects: list[Span]) -> bool:
    def is_part(one: Span, others: list[Span]) -> bool:
        return any(a <= one[0] and one[1] <= b and (a, b) != one for a, b in others)

    return any(
        (s[1] <= o[0] or o[1] <= s[0]) and not is_part(s, objects) and not is_part(o, subjects)
        for s, o in product(subjects, objects)
    )


def test_the_fast_answer_is_that_of_all_pairs() -> None:
    rng = random.Random(1)
    seen = set()
    for _ in range(3000):
        spans = [
            sorted(
                (start, start + rng.randint(1, 5))
                for start in rng.choices(range(20), k=rng.randint(1, 5))
            )
            for _ in range(2)
        ]
        expected = _plain(*spans)
        seen.add(expected)
        assert stand_apart(*spans) is expected, spans
    assert seen == {True, False}
