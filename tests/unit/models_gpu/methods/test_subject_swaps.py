"""Answers with swapped subjects equal one plain query each, and each swap is what it says."""

from __future__ import annotations

import unicodedata

import polars as pl
import pytest

from ingestion.contract import LAKE
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.subject_swaps import subject_swaps
from models_gpu.settings import SwapSettings
from tests.helpers.plain_probing import plain_causal_row, plain_rows
from tests.helpers.tiny_models import CAUSAL, MASKED, facts, loaded, many_facts

CHOSEN = ["b1", "b6", "c0", "c5", "t3", "s2", "u0"]


def _facts() -> pl.DataFrame:
    return many_facts().with_columns(
        pl.when(pl.col("fact_id").str.starts_with("b"))
        .then(pl.lit("[X] was born in [Y] ."))
        .otherwise("template")
        .alias("template")
    )


def _asked(rows: pl.DataFrame) -> list[dict[str, object]]:
    """The swapped facts, in the order of the rows."""
    own = _facts().drop("subject_label")
    return rows.join(own, on="fact_id", maintain_order="left").to_dicts()


@pytest.mark.parametrize("family", MASKED + CAUSAL)
def test_each_row_equals_one_plain_query(family: str) -> None:
    model = loaded(family)
    rows = subject_swaps(model, _facts(), CHOSEN)
    codes = {"masked", "first_part", "last_part", "invented", "other_subject"}
    assert set(rows["swap_code"]) == codes
    for row in _asked(rows):
        if model.family.is_causal:
            plain = plain_causal_row(model, row)
        else:
            one = pl.DataFrame([row], schema_overrides={"object_log_prob": pl.Float64})
            plain = plain_rows(model, one, "gold")[0]
        assert row["object_rank"] == plain["gold_rank"], row
        assert row["object_log_prob"] == pytest.approx(plain["gold_log_prob"], abs=2e-4)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_rows_do_not_depend_on_batches_or_order(family: str) -> None:
    model = loaded(family)
    whole = subject_swaps(model, _facts(), CHOSEN)
    small = subject_swaps(model, _facts().reverse(), CHOSEN[::-1], token_budget=20)
    exact = ["fact_id", "swap_code", "swap_index", "subject_label", "object_rank"]
    assert small.select(exact).equals(whole.select(exact))
    assert (small["object_log_prob"] - whole["object_log_prob"]).abs().max() < 1e-4  # type: ignore[operator]
    alone = subject_swaps(model, _facts(), ["c5"])
    assert alone.select(exact).equals(whole.filter(pl.col("fact_id") == "c5").select(exact))


def _texts(model: LoadedModel, swap: str, *, other_subjects: int = 2) -> dict[str, list[str]]:
    settings = SwapSettings((swap,), other_subjects)  # type: ignore[arg-type]
    rows = subject_swaps(model, _facts(), CHOSEN, settings=settings)
    groups = rows.group_by("fact_id", maintain_order=True).agg("subject_label")
    return dict(groups.iter_rows())


def test_masks_stand_for_the_tokens_of_the_name() -> None:
    bert = loaded("bert")
    masked = _texts(bert, "masked")
    assert masked["c0"] == ["[MASK]"]
    assert masked["b1"] == ["[MASK] [MASK]"]
    assert _texts(bert, "first_part")["b1"] == ["Paris [MASK]"]
    assert _texts(bert, "last_part")["b1"] == ["[MASK] Berlin"]
    assert "c0" not in _texts(bert, "first_part"), "one token has no parts"


def test_a_causal_model_sees_the_letter_x_or_half_of_the_name() -> None:
    gemma = loaded("gemma")
    assert _texts(gemma, "masked")["b1"] == ["X"]
    assert _texts(gemma, "first_part")["b1"] == ["Paris"]
    assert [text.strip() for text in _texts(gemma, "last_part")["b1"]] == ["Berlin"]


def test_other_subjects_do_not_have_the_object() -> None:
    others = _texts(loaded("bert"), "other_subject", other_subjects=50)
    of_france = set(_facts().filter(pl.col("object_label") == "France")["subject_label"])
    subjects = set(_facts().filter(pl.col("relation_id") == "P36")["subject_label"])
    assert set(others["c0"]) == subjects - of_france
    assert len(others["c0"]) == len(set(others["c0"]))


def test_facts_of_a_relation_share_their_other_subjects() -> None:
    facts = _facts().filter(pl.col("fact_id").is_in(CHOSEN)).select("fact_id", "relation_id")
    others = _texts(loaded("bert"), "other_subject", other_subjects=2)
    of_relation: dict[str, set[str]] = {}
    for fact, relation in facts.iter_rows():
        of_relation.setdefault(relation, set()).update(others.get(fact, []))
    # Two for all, and one more for each of the two whose object a fact shares.
    assert all(len(subjects) <= 4 for subjects in of_relation.values())
    assert all(len(own) == 2 for own in others.values())


def test_invented_names_have_the_shapes_of_the_relations_subjects() -> None:
    invented = _texts(loaded("bert"), "invented")
    names: dict[str, set[str]] = {}
    for relation, name in _facts().select("relation_id", "subject_label").iter_rows():
        names.setdefault(relation, set()).add(name)
    relations = dict(_facts().select("fact_id", "relation_id").iter_rows())
    assert set(invented) == set(CHOSEN)
    for fact, texts in invented.items():
        own = names[relations[fact]]
        shapes = {_shape(name) for name in own}
        assert len(texts) == 2
        assert all(_shape(text) in shapes and text not in own for text in texts)


def _shape(text: str) -> tuple[str, ...]:
    return tuple(unicodedata.category(letter) for letter in text)


def test_a_relation_whose_names_cannot_be_new_has_no_invented_ones() -> None:
    rows = facts(("a", "P36", "[X] is in [Y] .", "1", "Peru"))
    found = subject_swaps(loaded("bert"), rows, ["a"])
    assert "masked" in found["swap_code"]
    assert "invented" not in found["swap_code"]


def test_a_causal_model_that_does_not_see_the_subject_has_no_rows() -> None:
    rows = subject_swaps(loaded("gpt2"), many_facts(), ["b1", "c0"])
    assert set(rows["fact_id"]) == {"c0"}
    none = subject_swaps(loaded("gpt2"), many_facts(), ["b1"])
    assert none.is_empty()
    assert none.columns == LAKE["subject_swaps"].schema.names[2:]
