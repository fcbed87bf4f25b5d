"""What all formats share: opening a source, merging languages, naming relations."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ingestion.contract import LAKE
from ingestion.facts import (
    FactsError,
    FactsSettings,
    default_cache_folder,
    merge_facts,
    open_facts,
    relations_table,
)


def facts(*rows: tuple[str, str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), pl.Schema(LAKE["facts"].schema), orient="row")


def test_merged_facts_are_one_row_each_sorted() -> None:
    a, b, c = ("a", "P1", "Q1", "Q2"), ("b", "P1", "Q1", "Q3"), ("c", "P2", "Q1", "Q2")
    merged = merge_facts({"en": facts(c, a), "de": facts(b, a), "fr": facts()})
    assert merged.rows() == [a, b, c]
    assert merge_facts({}).schema == merged.schema == pl.Schema(LAKE["facts"].schema)


def test_a_fact_id_of_two_facts_is_an_error_with_both_places() -> None:
    english, german = facts(("a", "P1", "Q1", "Q2")), facts(("a", "P1", "Q1", "Q9"))
    with pytest.raises(FactsError) as error:
        merge_facts({"fr": english, "en": english, "de": german})
    assert "a is (P1, Q1, Q9) in 'de', but (P1, Q1, Q2) in 'en'" in str(error.value)


def test_relations_have_their_wikidata_names_and_own_ones_their_own() -> None:
    table = relations_table(["P36", "was_fond_of", "P1412", "P36"])
    assert table.rows() == [
        ("P1412", "languages spoken, written or signed"),
        ("P36", "capital"),
        ("was_fond_of", "was fond of"),
    ]
    assert table.schema == pl.Schema(LAKE["relations"].schema)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (FactsSettings("mlma", None, 0.0), "'mlma' are unknown; did you mean 'mlama'"),  # type: ignore[arg-type]
        (FactsSettings("table", None, 0.0), "kind 'table' need a path"),
        (FactsSettings("bmlama", None, 0.0), "kind 'bmlama' need a path"),
        (
            FactsSettings("mlama", None, 1.5),
            r"max_rejected_rate is 1\.5; it must be between 0 and 1",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: FactsSettings, complaint: str) -> None:
    with pytest.raises(FactsError, match=complaint):
        open_facts(settings)


def test_the_cache_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_cache_folder() == Path("/somewhere/factroots")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert default_cache_folder() == Path.home() / ".cache" / "factroots"
