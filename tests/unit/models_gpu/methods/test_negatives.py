"""Wrong objects are really wrong, and no subject is in two parts."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from models_gpu.errors import ModelError
from models_gpu.methods.negatives import SplitSettings, checked_pairs

SETTINGS = SplitSettings(facts=50, validation_share=0.25, test_share=0.25, seed=3)


def world(count: int = 40) -> pl.DataFrame:
    """Subjects with one or two objects of five; object o4 is called like o0."""
    rows = []
    for number in range(count):
        objects = {number % 5, (number * 3) % 5} if number % 4 == 0 else {number % 5}
        rows += [
            (
                f"f{number}-{each}",
                "r",
                f"s{number}",
                f"o{each}",
                "Name" if each in (0, 4) else f"{each}",
            )
            for each in sorted(objects)
        ]
    names = ["fact_id", "relation_id", "subject_id", "object_id", "object_label"]
    return pl.DataFrame(rows, schema=names, orient="row")


def pairs_of(facts: pl.DataFrame, settings: SplitSettings = SETTINGS) -> pl.DataFrame:
    return checked_pairs(facts, facts, facts["fact_id"].to_list(), settings)


def test_every_checked_fact_has_its_own_object_and_a_wrong_one() -> None:
    facts = world()
    pairs = pairs_of(facts)
    assert pairs.group_by("fact_id").len()["len"].unique().to_list() == [2]
    own = pairs.filter("is_true").join(facts, on="fact_id")
    assert own["candidate_object_id"].equals(own["object_id"])
    assert own["candidate_label"].equals(own["object_label"])
    assert own.height == facts.height


def test_a_wrong_object_is_no_true_one_of_the_subject_nor_called_like_one() -> None:
    facts = world()
    # True in a fact that this language does not have.
    elsewhere = (
        facts.select("relation_id", "subject_id").unique().with_columns(object_id=pl.lit("o1"))
    )
    listed = pl.concat([facts.select(elsewhere.columns), elsewhere])
    pairs = checked_pairs(facts, listed, facts["fact_id"].to_list(), SETTINGS)
    wrong = pairs.filter(~pl.col("is_true")).join(facts, on="fact_id")
    same = wrong.join(
        listed, left_on=["relation_id", "subject_id", "candidate_object_id"],
        right_on=["relation_id", "subject_id", "object_id"], how="semi",
    )  # fmt: skip
    assert same.is_empty()
    named = wrong.join(
        facts, left_on=["subject_id", "candidate_label"],
        right_on=["subject_id", "object_label"], how="semi",
    )  # fmt: skip
    assert named.is_empty()
    assert wrong["candidate_object_id"].n_unique() > 2


def test_a_fact_without_any_wrong_object_is_left_out() -> None:
    facts = world(5).filter(pl.col("object_id") == "o0")
    assert pairs_of(facts).is_empty()


def test_no_subject_is_in_two_parts_and_shares_are_kept() -> None:
    facts = world()
    own = pairs_of(facts).filter("is_true").join(facts, on="fact_id")
    parts = own.group_by("subject_id").agg(pl.col("split").unique())
    assert parts["split"].list.len().to_list() == [1] * 40
    counted = dict(parts.explode("split")["split"].value_counts().iter_rows())
    assert counted == {"train": 20, "validation": 10, "test": 10}


def test_only_facts_that_are_right_are_learnt_from_but_any_is_judged() -> None:
    facts = world()
    pairs = checked_pairs(facts, facts, [], SETTINGS)
    assert set(pairs["split"]) == {"validation", "test"}
    judged = pairs_of(facts).filter(pl.col("split") != "train")
    assert_frame_equal(pairs, judged)


def test_fewer_facts_are_the_first_of_the_same_ones() -> None:
    facts = world()
    few = pairs_of(facts, SplitSettings(2, 0.25, 0.25, seed=3))
    assert few.filter("is_true")["split"].value_counts()["count"].to_list() == [2, 2, 2]
    assert few.join(pairs_of(facts), on=few.columns, how="anti").is_empty()
    assert_frame_equal(pairs_of(facts.reverse(), SETTINGS), pairs_of(facts))
    other = pairs_of(facts, SplitSettings(50, 0.25, 0.25, seed=4))
    assert not other.equals(pairs_of(facts))


def test_shares_that_leave_nothing_to_learn_from_are_an_error() -> None:
    with pytest.raises(ModelError, match="leave no subjects to train on"):
        pairs_of(world(), SplitSettings(5, 0.5, 0.5))
    with pytest.raises(ModelError, match="facts have no column object_label; they need fact_id"):
        pairs_of(world().drop("object_label"))
