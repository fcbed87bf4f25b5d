"""The curated languages: complete, plausible, and with close matches for unknown codes."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import polars as pl
import pytest

from ingestion.contract import LAKE
from ingestion.languages import (
    LanguagesError,
    known_languages,
    language_table,
    read_languages,
)

MLAMA = (
    *("af", "ar", "az", "be", "bg", "bn", "ca", "ceb", "cs", "cy", "da", "de", "el", "en", "es"),
    *("et", "eu", "fa", "fi", "fr", "ga", "gl", "he", "hi", "hr", "hu", "hy", "id", "it", "ja"),
    *("ka", "ko", "la", "lt", "lv", "ms", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr"),
    *("sv", "ta", "th", "tr", "uk", "ur", "vi", "zh"),
)


def test_the_languages_of_mlama_are_known() -> None:
    table = language_table(MLAMA)
    assert table["language_code"].to_list() == sorted(MLAMA)
    assert table.schema == pl.Schema(LAKE["languages"].schema)


def test_every_curated_row_is_complete_and_on_the_globe() -> None:
    table = language_table(known_languages())
    assert table["language_code"].n_unique() == table["language_name"].n_unique() == table.height
    assert sum(table.null_count().row(0)) == 0
    for column in ("language_name", "language_family", "language_branch", "script"):
        assert (table[column] == table[column].str.strip_chars()).all()
    assert table["latitude"].is_between(-60, 75).all()
    assert table["longitude"].is_between(-180, 180).all()


def test_a_branch_belongs_to_one_family() -> None:
    table = language_table(known_languages())
    families = table.group_by("language_branch").agg(pl.col("language_family").n_unique())
    assert families["language_family"].max() == 1


def test_the_code_of_norwegian_is_not_read_as_false() -> None:
    assert language_table(["no"]).row(0)[:2] == ("no", "Norwegian")


def test_repeated_codes_give_one_row_in_sorted_order() -> None:
    assert language_table(["zh", "en", "zh"])["language_code"].to_list() == ["en", "zh"]


def test_unknown_codes_are_one_error_with_near_matches_and_the_remedy() -> None:
    with pytest.raises(LanguagesError) as error:
        language_table(["en", "german", "q-x", "ceb_"])
    message = str(error.value)
    assert "'german': did you mean 'de' (German)" in message
    assert "'ceb_': did you mean 'ceb' (Cebuano)" in message
    assert "'q-x'\n" in message
    assert "'en'" not in message
    assert "a CSV with the columns language_code, language_name," in message
    assert "'facts: {language_table: FILE, …}'" in message


HEADER = "language_code,language_name,language_family,language_branch,script,latitude,longitude\n"


def test_languages_of_ones_own_are_added_or_described_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(
        HEADER + "qmb,Market Balkan,Indo-European,,Latin,42.7,23.3\n"
        "en,Old English,Indo-European,Germanic,Runes,52,0\n",
        encoding="utf-8",
    )
    table = language_table(["qmb", "de", "en"], read_languages(file))
    assert table.rows() == [
        ("de", "German", "Indo-European", "Germanic", "Latin", 52.0, 10.0),
        ("en", "Old English", "Indo-European", "Germanic", "Runes", 52.0, 0.0),
        ("qmb", "Market Balkan", "Indo-European", "Indo-European", "Latin", 42.7, 23.3),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("language_code,language_name\nqmb,Mine\n", "column 'language_family' is missing; column"),
        (HEADER + "qmb,Mine,Isolate,,,42,23\n", "line 2: script is empty"),
        (HEADER + "qmb,Mine,Isolate,,Latin,42,23\nqmc,M,I,,L,91,x\n", "line 3: latitude, longit"),
        (HEADER + "qmb,M,I,,L,4,2\nqmb,N,I,,L,4,2\n", "has the language 'qmb' twice"),
        (HEADER + 'qmb,"Mine\n', "is not a CSV file in UTF-8"),
        (",language_code," + HEADER + "qmb,x\n", "'language_code' occurs more than once"),
        (",note ,note," + HEADER + "x,y,z,qmb,M,I,,L,91,2\n", "line 2: latitude is empty"),
    ],
)
def test_a_wrong_table_of_languages_says_where(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(LanguagesError, match=re.escape(message)):
        read_languages(file)


def test_a_packed_table_of_languages_is_not_unpacked(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_bytes(gzip.compress((HEADER + "qmb,Mine,Isolate,,Latin,42,23\n").encode()))
    with pytest.raises(LanguagesError, match="is not a CSV file in UTF-8"):
        read_languages(file)


def test_a_code_of_ones_own_is_read_as_the_codes_of_facts_are(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("\ufeff" + HEADER + "q\u200bmb ,Mine,Isolate,,Latin,42,23\n", encoding="utf-8")
    assert read_languages(file)["language_code"].to_list() == ["qmb"]
