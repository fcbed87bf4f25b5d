"""Sources are facts that both languages know, and every row equals a plain patched pass."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.patching import LanguageFacts, PatchSettings, aligned, patches
from models_gpu.prompting.build import build_queries
from models_gpu.prompting.subjects import subject_positions
from tests.helpers.plain_layers import layer_outputs, object_scores, patched_logits
from tests.helpers.tiny_models import CAUSAL, FAMILIES, facts, loaded

IDS = {
    "subject_id": pl.Series(["S1", "S2", "S3", "S1", "S4", "S5"]),
    "object_id": pl.Series(["QL", "QR", "QW", "QB", "QP", "QL"]),
}
ENGLISH = facts(
    ("a", "P36", "[X] is in [Y]", "Oslo", "Lima"),
    ("b", "P36", "[X] is in [Y]", "Roma and Bern", "Riga"),
    ("c", "P36", "[X] is in [Y]", "Bern", "Wien"),
    ("d", "P36", "[X] is in [Y]", "Oslo", "Bern"),
    ("e", "P36", "[X] is in [Y]", "Sofia", "Paris Oslo"),
    ("f", "P19", "[X] was born in [Y]", "Roma", "Lima"),
).with_columns(**IDS)
GERMAN = facts(
    ("a", "P36", "the city [X] and [Y]", "Oslo town", "Lima"),
    ("b", "P36", "the city [X] and [Y]", "Roma", "Praha"),
    ("c", "P36", "the city [X] and [Y]", "Bern town", "Wien"),
    ("d", "P36", "the city [X] and [Y]", "Oslo town", "Lima Bern"),
    ("e", "P36", "the city [X] and [Y]", "Sofia", "Paris"),
    ("f", "P19", "[Y] : born was [X]", "Roma", "Lima"),
).with_columns(**IDS)
KNOWN = {
    "de": LanguageFacts(GERMAN, set("abc")),
    "en": LanguageFacts(ENGLISH, set("abcdef")),
}
SETTINGS = PatchSettings(("subject", "object", "both"), seed=1)


def patched(model: LoadedModel, chosen: str = "abef", **options: int) -> pl.DataFrame:
    return patches(model, "en", list(chosen), KNOWN, settings=SETTINGS, **options)


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return patched(loaded("bert"))


def test_positions_are_aligned_at_the_end_of_the_subject_and_the_start_of_the_object() -> None:
    assert aligned([4, 5, 6], [8, 9], at_end=True) == [8, 8, 9]
    assert aligned([4], [7, 8, 9], at_end=True) == [9]
    assert aligned([4, 5, 6], [8, 9], at_end=False) == [8, 9, 9]
    assert aligned([4], [7, 8, 9], at_end=False) == [7]


def test_sources_are_known_in_both_languages_with_another_object(rows: pl.DataFrame) -> None:
    pairs = rows.select("source_language_code", "fact_id", "source_fact_id").unique().rows()
    sources = {(code, fact): source for code, fact, source in pairs}
    # e has the only object of two tokens, f no other fact of its relation.
    assert set(sources) == {("de", "a"), ("de", "b"), ("en", "a"), ("en", "b")}
    # d is another true answer of a's subject; in German it is not known.
    assert sources["de", "a"] in "bc"
    assert sources["en", "a"] in "bc"
    assert sources["de", "b"] in "ac"
    assert sources["en", "b"] in "acd"
    draws = {
        patches(loaded("bert"), "en", ["b"], KNOWN, settings=PatchSettings(("both",), seed))[
            "source_fact_id"
        ][-1]
        for seed in range(9)
    }
    assert draws == set("acd")


def test_answers_are_own_source_and_control_and_the_name_in_the_source_language(
    rows: pl.DataFrame,
) -> None:
    one = rows.filter(fact_id="a", source_language_code="de", layer_index=0, position_code="both")
    answers = dict(one.select("answer_code", "answer_fact_id").iter_rows())
    source = one["source_fact_id"][0]
    (control,) = set("bc") - {source}
    assert answers["own"] == "a"
    assert answers["source"] == source
    assert answers["control"] == control
    # Of the two possible sources only b has another name in German.
    assert ("source_name" in answers) == (source == "b")
    same = rows.filter(source_language_code="en")
    assert "source_name" not in same["answer_code"]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_row_is_a_plain_forward_pass_with_a_hook(family: str) -> None:
    model = loaded(family)
    found = patched(model)
    assert found.height >= 60
    assert set(found["position_code"]) == {"subject", "object", "both"}
    for row in found.iter_rows(named=True):
        source = KNOWN[row["source_language_code"]].facts.filter(fact_id=row["source_fact_id"])
        named = KNOWN["de"] if row["answer_code"] == "source_name" else KNOWN["en"]
        (name,) = named.facts.filter(fact_id=row["answer_fact_id"])["object_label"]
        asked = ENGLISH.filter(fact_id=row["fact_id"]).with_columns(object_label=pl.lit(name))
        to, given = (build_queries(model, one, "gold") for one in (asked, source))
        outputs = layer_outputs(model, given.token_ids.tolist())[row["layer_index"]]
        put = {}
        if row["position_code"] != "object":
            (old,) = subject_positions(model, to, asked).values()
            (new,) = subject_positions(model, given, source).values()
            padded = [new[0]] * len(old) + new
            put |= {at: outputs[padded[len(padded) - len(old) + n]] for n, at in enumerate(old)}
        if row["position_code"] != "subject":
            old, new = to.scored_positions.tolist(), given.scored_positions.tolist()
            if family in CAUSAL:
                old = old[:1]
            put |= {at: outputs[new[min(n, len(new) - 1)]] for n, at in enumerate(old)}
        ids, at = to.token_ids.tolist(), to.scored_positions.tolist()
        for column, states in (("log_prob_before", {}), ("log_prob_after", put)):
            logits = patched_logits(model, ids, row["layer_index"], states)
            log_prob, rank = object_scores(logits, at, to.gold_ids.tolist())
            assert row[column] == pytest.approx(log_prob, abs=1e-4)
        assert row["is_top"] == (rank == 1)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_order_and_batches_change_nothing(family: str) -> None:
    model = loaded(family)
    usual = patched(model)
    known = {code: LanguageFacts(one.facts.reverse(), one.right) for code, one in KNOWN.items()}
    again = patches(
        model, "en", list("feba"), dict(reversed(known.items())), settings=SETTINGS, token_budget=9
    )
    assert_frame_equal(again, usual, abs_tol=1e-4)
    # A fact's rows do not depend on the other facts that are asked.
    assert_frame_equal(patched(model, "b"), usual.filter(fact_id="b"), abs_tol=1e-4)


def test_a_prompt_without_its_subject_is_not_patched() -> None:
    known = {"de": LanguageFacts(GERMAN, set("abcdef")), "en": KNOWN["en"]}
    found = patches(loaded("gpt2"), "de", list("f"), known, settings=SETTINGS)
    assert found.is_empty()


def test_without_facts_there_are_no_rows(rows: pl.DataFrame) -> None:
    assert_frame_equal(patched(loaded("bert"), ""), rows.clear())


def test_a_fact_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ModelError, match="not among the facts, such as 'gone'"):
        patches(loaded("bert"), "en", ["gone"], KNOWN, settings=SETTINGS)
