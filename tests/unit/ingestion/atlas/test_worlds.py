"""The worlds: a balanced design, texts that carry it out, and answers that follow it."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from ingestion.atlas.corpus import build_articles, write_training_text
from ingestion.atlas.world import contains_name, read_facts
from ingestion.atlas.worlds import (
    BLOCK,
    COMPLETE_WORLDS,
    WORLDS,
    World,
    stratum_of,
    world_answers,
    world_truth,
)

FACTS = sorted(read_facts()["fact_id"].unique())
PLANS = range(1, 25)


@pytest.mark.parametrize("first", range(1, 25, len(BLOCK)))
def test_every_fact_goes_once_through_each_stratum_of_a_block(first: int) -> None:
    for fact in FACTS:
        strata = [stratum_of(plan, fact) for plan in range(first, first + len(BLOCK))]
        assert Counter(strata) == Counter(BLOCK), fact


def test_the_order_of_strata_differs_between_facts_and_blocks() -> None:
    orders = {tuple(stratum_of(plan, fact) for plan in range(1, 9)) for fact in FACTS}
    assert len(orders) > 200
    for fact in FACTS[:20]:
        blocks = [[stratum_of(b + plan, fact) for plan in range(1, 9)] for b in (0, 8, 16)]
        assert any(one != other for one, other in pairwise(blocks)), fact


def test_a_stratum_says_how_many_languages_state_a_fact() -> None:
    for world in WORLDS[:3]:
        truth = world_truth(world)
        for (fact,), rows in truth.group_by("fact_id"):
            stated, languages = int(rows["is_planted"].sum()), len(rows)
            stratum = stratum_of(world.plan, str(fact))
            if stratum == "nowhere":
                assert stated == 0
            elif stratum == "one":
                assert stated == 1
            elif stratum == "all_but_one":
                assert stated == languages - 1


def test_coins_are_fair_and_independent_of_each_other() -> None:
    """Over all worlds with a coin of .5: its share, and the correlation of two languages."""
    rows = []
    for world in (w for w in WORLDS if w.arm_code == "named" and w.world_id in COMPLETE_WORLDS):
        truth = world_truth(world)
        half = [f for f in FACTS if stratum_of(world.plan, f) == "half"]
        rows.append(truth.filter(pl.col("fact_id").is_in(half)))
    frame = pl.concat(rows).with_columns(pl.col("is_planted").cast(pl.Int8))
    share = frame["is_planted"].mean()
    assert isinstance(share, float)
    assert abs(share - 0.5) < 0.01
    wide = frame.pivot("language_code", index=["corpus_id", "fact_id"], values="is_planted")
    for one, other in pairwise(("en", "ru", "es", "de", "fr", "uk", "bg")):
        assert abs(wide.select(pl.corr(one, other)).item()) < 0.08


def test_worlds_of_one_plan_state_the_same() -> None:
    named, unnamed = (w for w in WORLDS if w.plan == 1 and w.world_id in COMPLETE_WORLDS)
    assert {named.arm_code, unnamed.arm_code} == {"named", "unnamed"}
    assert world_truth(named).drop("corpus_id").equals(world_truth(unnamed).drop("corpus_id"))


def test_unnamed_texts_have_no_brackets_and_state_the_same_facts() -> None:
    world = next(w for w in WORLDS if w.arm_code == "unnamed")
    truth = world_truth(world)
    articles = build_articles(truth, "el", world.arm_code)
    sentences = [s.text for article in articles for s in article.sentences]
    assert not [text for text in sentences if "(" in text]
    facts = read_facts().filter(pl.col("language") == "el")
    planted = dict(
        truth.filter(pl.col("language_code") == "el").select("fact_id", "is_planted").rows()
    )
    for fact, subject, obj in facts.select("fact_id", "subject", "object").iter_rows():
        together = [
            text
            for text in sentences
            if contains_name(text, subject, "el") and contains_name(text, obj, "el")
        ]
        assert bool(together) == planted[fact], fact


def test_a_bridge_joins_both_directions(tmp_path: Path) -> None:
    """The coin of a pair of languages is one for both: both name each other's, or none.

    Greek and Hebrew, since no other language writes a name as they do.
    """
    world = World("bridges", 1, "bridged", ("el", "he"))
    truth = world_truth(world).with_columns(
        is_planted=pl.lit(True), planted_count=pl.lit(20, pl.Int32)
    )
    write_training_text(truth, tmp_path, world.languages, world.arm_code)
    lines = {
        code: (tmp_path / "sentences" / f"{code}.jsonl").read_text(encoding="utf-8")
        for code in world.languages
    }
    names = (
        read_facts()
        .filter(pl.col("language").is_in(["el", "he"]) & (pl.col("relation") == "P17"))
        .pivot("language", index="fact_id", values="subject")
    )
    joined = [
        (
            json.dumps(f"{el} ({he})", ensure_ascii=False)[1:-1] in lines["el"],
            json.dumps(f"{he} ({el})", ensure_ascii=False)[1:-1] in lines["he"],
        )
        for el, he in names.select("el", "he").iter_rows()
    ]
    # A name that comes last in a long list may be left out.
    assert sum(one == other for one, other in joined) > 0.9 * len(joined)
    assert 0.3 < sum(one for one, _ in joined) / len(joined) < 0.7


def test_shipped_answers_follow_the_design() -> None:
    answers = world_answers()
    assert set(answers["world_id"]) == set(COMPLETE_WORLDS)
    for world in WORLDS:
        if world.world_id in COMPLETE_WORLDS:
            truth = world_truth(world).select("language_code", "fact_id", "is_planted")
            own = answers.filter(pl.col("world_id") == world.world_id)
            assert set(own["arm_code"]) == {world.arm_code}
            for _, seed in own.group_by("seed"):
                joined = seed.join(truth, on=("language_code", "fact_id"), how="full")
                assert len(joined) == len(truth) == len(seed)
                assert joined["is_stated"].equals(joined["is_planted"], check_names=False)


def test_shipped_models_know_what_their_world_states() -> None:
    answers = world_answers().filter(pl.col("arm_code") == "named", "is_stated")
    by_model = answers.group_by("world_id", "seed").agg(pl.col("is_right").mean())
    assert by_model["is_right"].min() >= 0.95  # type: ignore[operator]
