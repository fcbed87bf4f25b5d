"""The Atlas truth: shares of facts, differences between the corpora, and reproducible draws."""

from __future__ import annotations

import hashlib
from collections import Counter

import polars as pl
import pytest

from ingestion.atlas.truth import DISTRACTOR_KINDS, atlas_truth, fact_groups
from ingestion.atlas.world import CORPORA, COVERAGE, read_facts
from ingestion.contract import LAKE

DIGESTS = {
    "atlas": "c929be384b9f5926",
    "atlas-twin": "f7fc713ba91e5a46",
}


@pytest.fixture(scope="module", params=CORPORA)
def truth(request: pytest.FixtureRequest) -> pl.DataFrame:
    return atlas_truth(request.param)


def test_truth_has_the_columns_of_the_contract_and_a_row_per_language_and_fact(
    truth: pl.DataFrame,
) -> None:
    table = LAKE["atlas_truth"]
    assert truth.columns == table.schema.names
    assert truth.to_arrow().cast(table.schema).num_rows == len(read_facts())
    assert not truth.select(table.key).is_duplicated().any()


def test_truth_is_the_same_to_the_last_row_on_every_machine(truth: pl.DataFrame) -> None:
    rows = "\n".join(
        "\t".join(map(str, row)) for row in truth.sort("language_code", "fact_id").rows()
    )
    assert hashlib.sha256(rows.encode()).hexdigest()[:16] == DIGESTS[truth["corpus_id"][0]]


def test_fifteen_percent_are_planted_only_for_the_base_and_as_many_only_for_the_twin() -> None:
    sizes = Counter(fact_groups().values())
    total = sum(sizes.values())
    assert sizes["base"] == sizes["twin"]
    assert abs(sizes["base"] / total - 0.15) < 0.01
    assert sizes["nowhere"] > 10
    base, twin = (atlas_truth(corpus).filter("is_planted")["fact_id"] for corpus in CORPORA)
    for fact_id, group in fact_groups().items():
        assert (fact_id in set(base)) <= (group in ("both", "base"))
        assert (fact_id in set(twin)) <= (group in ("both", "twin"))


def test_base_and_twin_agree_on_every_fact_that_both_may_hold() -> None:
    both = [fact_id for fact_id, group in fact_groups().items() if group in ("both", "nowhere")]
    base, twin = (
        atlas_truth(corpus).filter(pl.col("fact_id").is_in(both)).drop("corpus_id")
        for corpus in CORPORA
    )
    assert base.equals(twin)


def test_coverage_falls_from_the_first_language_to_the_last(truth: pl.DataFrame) -> None:
    may_be_planted = truth.filter(
        pl.col("fact_id").is_in(truth.filter("is_planted")["fact_id"].unique().to_list())
    )
    rates = dict(
        may_be_planted.group_by("language_code").agg(pl.col("is_planted").mean()).iter_rows()
    )
    assert list(COVERAGE.values()) == sorted(COVERAGE.values(), reverse=True)
    assert max(COVERAGE.values()) == 0.95
    assert min(COVERAGE.values()) == 0.30
    for language, coverage in COVERAGE.items():
        assert abs(rates[language] - coverage) < 0.12


def test_planted_facts_stand_8_to_20_times_and_only_the_others_have_distractors(
    truth: pl.DataFrame,
) -> None:
    planted, absent = truth.filter("is_planted"), truth.filter(~pl.col("is_planted"))
    assert planted["planted_count"].is_between(8, 20).all()
    assert planted["distractor_kind"].is_null().all()
    assert (absent["planted_count"] == 0).all()
    assert set(absent["distractor_kind"].drop_nulls()) == set(DISTRACTOR_KINDS)


def test_an_unknown_corpus_is_named_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match=r"'atlas-tiwn'.*'atlas' and 'atlas-twin'"):
        atlas_truth("atlas-tiwn")
