"""Names in answers: found without article, case and Chinese variant, and only as whole words."""

from __future__ import annotations

import polars as pl
import pytest

from ingestion.facts.answers import fold_answer, name_offsets


@pytest.mark.parametrize(
    ("language", "text", "folded"),
    [
        ("fr", " le français et", "français et"),
        ("fr", " l\u2019anglais.", "anglais."),
        ("en", " The  Netherlands", "netherlands"),
        ("en", "the", "the"),
        ("en", ' "Paris"', 'paris"'),
        ("nl", " het Duits", "duits"),
        ("it", " l'Italia", "italia"),
        ("de", " der Schweiz", "schweiz"),
        ("hu", " az angol", "angol"),
        ("ar", " اللغة الفرنسية", "لغة فرنسية"),
        ("zh", "俄語", "俄语"),
        ("tr", " la Polonya", "la polonya"),
    ],
)
def test_what_stands_before_a_name_is_left_out(language: str, text: str, folded: str) -> None:
    assert fold_answer(text, language) == folded


@pytest.mark.parametrize(
    ("language", "text", "name", "offset"),
    [
        ("fr", " le français.", "français", 0),
        ("en", " in France.", "France", 3),
        ("en", " Frances", "France", None),
        ("en", " Frances of France", "France", 11),
        ("en", " the capital", "Paris", None),
        ("zh", "的官方語言是俄語。", "俄语", 6),
        ("ko", "파리의", "파리", 0),
        ("en", "", "Paris", None),
        ("en", "Paris", "", None),
    ],
)
def test_a_name_is_found_as_a_word_of_its_own(
    language: str, text: str, name: str, offset: int | None
) -> None:
    answers = pl.DataFrame(
        {"continuation_text": [text], "object_id": ["Q1"], "object_label": [name]}
    )
    assert name_offsets(answers, language)["object_offset"].to_list() == [offset]


def test_the_first_of_all_names_counts_for_aliases() -> None:
    answers = pl.DataFrame(
        {
            "continuation_text": [" the UK, Great Britain", " Holland", " Spain"],
            "object_id": ["Q145", "Q55", "Q29"],
            "object_label": ["Great Britain", "Netherlands", "Spain"],
        }
    )
    aliases = pl.DataFrame({"entity_id": ["Q145", "Q55"], "alias": ["UK", "Holland"]})
    found = name_offsets(answers, "en", aliases)
    assert found["object_offset"].to_list() == [4, None, 0]
    assert found["alias_offset"].to_list() == [0, 0, 0]
