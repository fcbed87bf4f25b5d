"""The frozen Atlas facts follow the rules of ``freeze_facts``."""

from __future__ import annotations

import re
import unicodedata

import polars as pl
import pytest

from ingestion.atlas.world import (
    COVERAGE,
    FACTS_FILE,
    RELATIONS,
    contains_name,
    draw,
    read_facts,
    read_phrases,
)
from ingestion.text import normal_column
from ingestion.tracing.names import read_aliases


@pytest.fixture(scope="module")
def facts() -> pl.DataFrame:
    return read_facts()


def test_every_language_is_covered_and_only_currencies_are_left_out_anywhere(
    facts: pl.DataFrame,
) -> None:
    assert set(facts["language"]) == set(COVERAGE)
    assert len(COVERAGE) >= 16
    assert 240 <= facts["fact_id"].n_unique() <= 600
    for relation in RELATIONS:
        held = facts.filter(pl.col("relation") == relation)
        missing = set(COVERAGE) - set(held["language"])
        assert missing == ({"fa", "ja", "ko", "th", "tr", "zh"} if relation == "P38" else set())
        sizes = held.group_by("language").len()["len"].unique().to_list()
        assert len(sizes) == 1


def test_no_object_answers_more_than_a_fifth_of_a_relation(facts: pl.DataFrame) -> None:
    counts = facts.group_by("language", "relation", "object_id").len()
    totals = counts.group_by("language", "relation").agg(pl.col("len").sum().alias("total"))
    shares = counts.join(totals, on=["language", "relation"])
    assert shares.filter(pl.col("len") * 5 > pl.col("total")).is_empty()


def test_continents_are_five_and_equally_frequent(facts: pl.DataFrame) -> None:
    english = facts.filter((pl.col("language") == "en") & (pl.col("relation") == "P30"))
    assert english["object"].value_counts()["count"].to_list() == [11] * 5


def test_ids_are_stable_and_one_fact_has_one_subject_and_one_object(facts: pl.DataFrame) -> None:
    ids = facts.select("fact_id", "relation", "subject_id", "object_id").unique()
    assert ids["fact_id"].is_unique().all()
    for fact_id, relation, subject, obj in ids.iter_rows():
        parts = fact_id.split(":")
        assert parts == ["CLDR", relation, subject.split(":", 2)[2], obj.split(":", 2)[2]]


def test_two_entities_never_share_a_name_in_a_language(facts: pl.DataFrame) -> None:
    names = pl.concat(
        [facts.select("language", entity=f"{side}_id", name=side) for side in ("subject", "object")]
    ).unique()
    assert names.group_by("language", "name").len().filter(pl.col("len") > 1).is_empty()


def test_no_object_lies_inside_its_subject_or_the_reverse(facts: pl.DataFrame) -> None:
    for language, subject, obj in facts.select("language", "subject", "object").iter_rows():
        assert not contains_name(subject, obj, language)
        assert not contains_name(obj, subject, language)


def test_templates_have_both_slots_and_are_no_statement_of_the_corpus(facts: pl.DataFrame) -> None:
    for language, relation, template in (
        facts.select("language", "relation", "template").unique().iter_rows()
    ):
        assert template.count("[X]") == 1
        assert template.count("[Y]") == 1
        assert template not in read_phrases()[language].state[relation]


@pytest.mark.parametrize("language", COVERAGE)
def test_every_word_of_a_probing_sentence_is_a_word_of_the_text(language: str) -> None:
    phrases = read_phrases()[language]
    statements = [text for texts in phrases.state.values() for text in texts]
    others = phrases.frames + phrases.subject + phrases.object + phrases.filler
    known = {word for text in statements + others for word in _words(text)}
    for template in phrases.probe.values():
        assert set(_words(template)) <= known


def _words(text: str) -> list[str]:
    """Words between spaces, punctuation and slots, as the models' tokenizer splits them."""
    spaced = re.sub(r"\[[XYNS]\]", " ", text)
    return "".join(f" {c} " if unicodedata.category(c)[0] in "PS" else c for c in spaced).split()


@pytest.mark.parametrize(
    ("text", "name", "language", "expected"),
    [
        ("The Republic of Niger.", "Niger", "en", True),
        ("Nigeria is large.", "Niger", "en", False),
        ("NeoNiger is a firm.", "Niger", "en", False),
        ("niger", "Niger", "en", False),
        ("Nigeria and Niger", "Niger", "en", True),
        ("赤道几内亚的语言", "几内亚", "zh", True),
        ("हिन्दी", "हिन", "hi", False),
        ("스페인의 수도", "스페인", "ko", True),
        ("네오스페인", "스페인", "ko", False),
    ],
)
def test_names_are_found_at_token_boundaries_where_a_script_has_them(
    text: str, name: str, language: str, expected: bool
) -> None:
    assert contains_name(text, name, language) is expected


def test_draws_are_the_same_on_every_machine() -> None:
    assert draw("planted", "en", "CLDR:P37:AR:es") == pytest.approx(0.45207672782305053, abs=0)


def test_the_aliases_are_other_names_of_entities_in_the_same_language() -> None:
    facts = pl.read_csv(FACTS_FILE, infer_schema=False)
    named = pl.concat(
        facts.select(language_code="language", entity_id=f"{role}_id", label=role)
        for role in ("subject", "object")
    ).unique()
    aliases = read_aliases(FACTS_FILE.parent.parent / "atlas_aliases.csv")
    assert aliases.height == 61 == aliases.unique().height
    joined = aliases.join(named, on=["language_code", "entity_id"])
    assert joined.height == 61
    assert not joined.filter(normal_column(pl.col("alias")) == pl.col("label")).height
    turkey = ("en", "CLDR:territory:TR", "Turkey", "Türkiye")
    assert turkey in joined.rows()
