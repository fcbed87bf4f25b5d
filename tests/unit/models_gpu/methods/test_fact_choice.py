"""The same facts are chosen in every language, and chance decides among equals alone."""

from __future__ import annotations

from models_gpu.methods.fact_choice import facts_in_most_languages

RIGHT = {"de": ["a", "b", "c", "e"], "en": ["e", "b", "a", "d"], "ja": ["b", "f"]}


def test_facts_that_are_right_in_most_languages_come_first() -> None:
    chosen = facts_in_most_languages(RIGHT, 3)
    assert chosen == {"de": ["a", "b", "e"], "en": ["a", "b", "e"], "ja": ["b"]}


def test_chance_decides_among_equals_and_is_the_same_in_every_order() -> None:
    reordered = {code: RIGHT[code][::-1] for code in reversed(RIGHT)}
    drawn = {seed: facts_in_most_languages(RIGHT, 2, seed)["de"] for seed in map(str, range(20))}
    assert {tuple(facts) for facts in drawn.values()} == {("a", "b"), ("b", "e")}
    assert all(facts_in_most_languages(reordered, 2, s)["de"] == f for s, f in drawn.items())


def test_without_a_limit_every_right_fact_is_chosen() -> None:
    everything = facts_in_most_languages(RIGHT, None)
    assert everything == {code: sorted(facts) for code, facts in RIGHT.items()}
