"""Parquet, JSON lines and plain text, local or by URL; listing and digest of a corpus."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
from pathlib import Path

import polars as pl
import pytest

from ingestion.corpora import (
    CorpusError,
    CorpusSettings,
    JsonLines,
    ParquetText,
    PlainText,
    Shard,
    Tally,
    WikipediaDump,
    corpus_digest,
    list_files,
    read_documents,
)


def read(settings: CorpusSettings, language: str = "de") -> tuple[list[tuple[str, str]], Tally]:
    tally = Tally()
    found = [
        (document.title, document.text)
        for file in list_files(settings, language)
        for document in read_documents(settings, Shard(file), tally)
    ]
    return found, tally


def test_parquet_rows_are_documents(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"id": [1, 2, 3], "title": ["A", "B", "C"], "text": ["a", None, "e\u0301"]}
    )
    (tmp_path / "20231101.de").mkdir()
    frame.write_parquet(tmp_path / "20231101.de" / "train-0.parquet")
    found, tally = read(ParquetText(f"{tmp_path}/20231101.{{language}}/*.parquet"))
    assert found == [("A", "a"), ("C", "é")]
    assert (tally.page_count, tally.document_count, tally.empty_count) == (3, 2, 1)


def test_parquet_is_read_by_url(tmp_path: Path) -> None:
    pl.DataFrame({"body": ["x", "y"]}).write_parquet(tmp_path / "de.parquet")
    url = ParquetText(f"file://{tmp_path}/{{language}}*.parquet", "body", None)
    found, _ = read(url)
    assert found == [("de.parquet:1", "x"), ("de.parquet:2", "y")]
    digest = corpus_digest(url, "de")
    assert digest == corpus_digest(url, "de")


def test_a_wrong_column_names_those_that_exist(tmp_path: Path) -> None:
    pl.DataFrame({"body": ["x"]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(CorpusError, match=r"no column 'text'.*It has: body.*text_column"):
        read(ParquetText(f"{tmp_path}/a.parquet"))


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("x")
    with pytest.raises(CorpusError, match=r"a\.parquet is not a complete Parquet file"):
        read(ParquetText(f"{tmp_path}/a.parquet"))


@pytest.mark.parametrize("pack", [bytes, bz2.compress, gzip.compress, lzma.compress])
def test_json_lines_skip_what_is_broken_and_count_it(tmp_path: Path, pack: type[bytes]) -> None:
    lines = [
        json.dumps({"title": "A", "text": "a"}),
        "{broken",
        "",
        json.dumps({"text": "b"}),
        json.dumps({"title": "C", "text": " "}),
    ]
    (tmp_path / "x").write_bytes(pack("\n".join(lines).encode()))
    found, tally = read(JsonLines(f"{tmp_path}/x"))
    assert found == [("A", "a"), ("x:3", "b")]
    assert (tally.page_count, tally.broken_count, tally.empty_count) == (4, 1, 1)


def test_a_wrong_key_names_those_that_exist(tmp_path: Path) -> None:
    (tmp_path / "x").write_text('{"content": "a"}\n')
    with pytest.raises(CorpusError, match=r"object 1 has no text under 'text'.*content.*text_key"):
        read(JsonLines(f"{tmp_path}/x"))


def test_text_is_a_document_a_line_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes("\ufeffeins\n\nzwei\r\ndrei".encode())
    by_line, tally = read(PlainText(f"{tmp_path}/x.txt"))
    assert [text.strip() for _, text in by_line] == ["eins", "zwei", "drei"]
    assert [title for title, _ in by_line] == ["x.txt:1", "x.txt:3", "x.txt:4"]
    assert tally.empty_count == 1
    by_file, _ = read(PlainText(f"{tmp_path}/x.txt", "file"))
    assert by_file == [("x.txt", "eins\n\nzwei\ndrei")]


def test_a_line_that_is_no_utf8_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"gut\nschl\xffcht\n")
    found, tally = read(PlainText(f"{tmp_path}/x.txt"))
    assert found == [("x.txt:1", "gut"), ("x.txt:2", "schl\ufffdcht")]
    assert tally.broken_count == 1
    assert "line 2" in tally.notes[0]


def test_several_globs_are_one_sorted_list_without_repeats(tmp_path: Path) -> None:
    for name in ("dewiki-2.xml", "dewiki-1.xml", "frwiki-1.xml"):
        (tmp_path / name).write_text("x")
    settings = WikipediaDump(("{language}wiki-*.xml", "dewiki-1.xml"))
    names = [file.name for file in list_files(settings, "de", tmp_path)]
    assert names == ["dewiki-1.xml", "dewiki-2.xml"]


def test_no_file_says_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "dewiki.xml.bz2").write_text("x")
    with pytest.raises(CorpusError, match=r"'frwiki\.xml\.bz2'.*there is: dewiki\.xml\.bz2"):
        list_files(WikipediaDump("{language}wiki.xml.bz2"), "fr", tmp_path)
    with pytest.raises(CorpusError, match="no folder"):
        list_files(WikipediaDump("nowhere*/x.xml"), "fr", tmp_path)


def test_the_digest_is_of_content_and_not_of_time_or_place(tmp_path: Path) -> None:
    settings = PlainText("{language}.txt")
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        (folder / "de.txt").write_text("gleich")
    os.utime(two / "de.txt", (1, 1))
    before = corpus_digest(settings, "de", one)
    assert before == corpus_digest(settings, "de", two)
    assert before != corpus_digest(PlainText("{language}.txt", "file"), "de", one)
    (one / "de.txt").write_text("anders")
    assert before != corpus_digest(settings, "de", one)


def test_hub_addresses_are_understood() -> None:
    import fsspec

    assert fsspec.get_filesystem_class("hf").protocol == "hf"
