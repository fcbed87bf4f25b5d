"""Parquet, JSON lines and plain text, local or by URL; listing and digest of a corpus."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import time
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
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
    check_layout,
    check_readable,
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


@pytest.mark.parametrize(
    "title",
    [
        pa.array([2**31 - 1], pa.date32()),
        pa.array([0], pa.timestamp("us", "Foo/Bar")),
        pa.array([2**62], pa.timestamp("us")),
        pa.array([2**62], pa.duration("s")),
    ],
    ids=lambda array: str(array.type),
)
def test_a_title_that_python_cannot_hold_is_the_row(tmp_path: Path, title: pa.Array) -> None:
    pq.write_table(pa.table({"title": title, "text": ["a"]}), tmp_path / "x.parquet")
    found, _ = read(ParquetText(f"{tmp_path}/x.parquet"))
    assert found == [("x.parquet:1", "a")]


@pytest.mark.parametrize("twice", ["text", "title"])
def test_a_column_that_is_there_twice_is_named(tmp_path: Path, twice: str) -> None:
    table = pa.table([["a"], ["b"], ["c"]], names=["text", "title", twice])
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(CorpusError, match=f"column '{twice}' more than once"):
        check_layout(ParquetText(f"{tmp_path}/x.parquet"), "de")


def test_a_number_of_thousands_of_digits_loses_no_object(tmp_path: Path) -> None:
    line = f'{{"title": 5, "text": "a", "number": -{"9" * 5_000}}}\n'
    (tmp_path / "x").write_text(line + line.replace("5,", f"{'9' * 5_000},") + f"[{'9' * 5_000}\n")
    found, tally = read(JsonLines(f"{tmp_path}/x"))
    assert found == [("5", "a"), ("inf", "a")]
    assert tally.broken_count == 1


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
    assert found == [("x.txt:1", "gut")]
    assert (tally.page_count, tally.document_count, tally.broken_count) == (2, 1, 1)
    assert "line 2" in tally.notes[0]


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        (b"\x28\xb5\x2f\xfd....", r"is zstd, .* zstd -d"),
        (b"PK\x03\x04....", r"is a zip, .* unzip"),
        (b"7z\xbc\xaf\x27\x1c....", r"is a 7z archive, .* 7z x"),
        (b"\x04\x22\x4d\x18....", r"is lz4, .* lz4 -d"),
        (b"ARROW1\0\0", r"is Arrow, .* Parquet"),
        (b"SQLite format 3\0", "is a SQLite database"),
        (b"PAR1....", r"is Parquet, .* kind: parquet"),
        (gzip.compress(b"name" + bytes(253) + b"ustar", mtime=0), r"is a tar archive.* tar -xf"),
        (b"PK\x05\x06" + b"x" * 300, r"is a zip, .* unzip"),
        (b"\x55\x2a\x4d\x18" + b"x" * 300, r"is zstd, .* zstd -d"),
        (b"LZIP\x01....", r"is lzip, .* lzip -d"),
        (b"\x89LZO....", r"is lzop, .* lzop -d"),
        (b"\x5d\x00\x00\x80" + b"x" * 300, r"is lzma without a header, .* xz"),
        (b"\xff\xff\xff\xff....", r"is a stream of Arrow, .* Parquet"),
        (b"version https://git-lfs.github.com/spec/v1\n", r"Git LFS, .* git lfs pull"),
        (gzip.compress(gzip.compress(b"Bern", mtime=0), mtime=0), r"is packed twice, .* once"),
        (b"\n<!DOCTYPE html><html><p>404</p></html>", "is an HTML page"),
        (b"<!-- gone -->\n<HTML lang=de><p>404</p></HTML>", "is an HTML page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an error message"),
        ("Bern ist eine Stadt.\n".encode("utf-16-le"), "UTF-16 without a byte order mark.*iconv"),
        ("Bern ist eine Stadt.\n".encode("utf-16-be"), "UTF-16 without a byte order mark.*iconv"),
    ],
)
@pytest.mark.parametrize("kind", [PlainText, JsonLines, WikipediaDump])
def test_a_layout_that_cannot_be_read_is_an_error_with_its_remedy(
    tmp_path: Path, content: bytes, remedy: str, kind: type[CorpusSettings]
) -> None:
    (tmp_path / "x").write_bytes(content)
    settings = kind(f"{tmp_path}/x")
    with pytest.raises(CorpusError, match=remedy):
        read(settings)
    with pytest.raises(CorpusError, match=remedy):
        check_layout(settings, "de")


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [
        (JsonLines, "\ufeff<mediawiki>\n<page>", "is XML: write kind: wikipedia_dump"),
        (PlainText, "<?xml version='1.0'?><text/>", "is XML: write kind: wikipedia_dump"),
        (WikipediaDump, '{"text": "Bern"}', "does not begin as a dump of MediaWiki"),
    ],
)
def test_a_dump_as_text_and_text_as_a_dump_are_errors_before_anything_runs(
    tmp_path: Path, kind: type[CorpusSettings], content: str, message: str
) -> None:
    (tmp_path / "x").write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        check_layout(kind(f"{tmp_path}/x"), "de")


def test_a_title_of_bytes_is_text(tmp_path: Path) -> None:
    frame = pl.DataFrame({"title": ["Zürich".encode()], "text": ["Bern"]})
    frame.write_parquet(tmp_path / "x")
    found, _ = read(ParquetText(f"{tmp_path}/x"))
    assert found == [("Zürich", "Bern")]


def test_a_json_array_is_an_error_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[\n{"text": "a"},\n{"text": "b"}\n]\n')
    with pytest.raises(CorpusError, match=r"begins with a JSON array.* jq -c"):
        read(JsonLines(f"{tmp_path}/x.json"))
    with pytest.raises(CorpusError, match=r"begins with a JSON array.* jq -c"):
        check_layout(JsonLines(f"{tmp_path}/x.json"), "de")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_end_in_every_way(tmp_path: Path, end: bytes) -> None:
    (tmp_path / "x.txt").write_bytes(end.join([b"one", b"two", b"three"]))
    found, _ = read(PlainText(f"{tmp_path}/x.txt"))
    assert [text.strip() for _, text in found] == ["one", "two", "three"]


def test_one_odd_object_costs_itself_alone(tmp_path: Path) -> None:
    lines = [
        b'{"other": 1}',
        b'{"text": "good"}',
        b'{"text": null}',
        b'{"text": NaN}',
        b'{"text": 7}',
        b'{"text": "Der Flu\xdf."}',
        b'{"title": "x\\ud83d", "text": "half \\ud83d, whole \\ud83d\\ude00"}',
    ]
    (tmp_path / "x").write_bytes(b"\n".join(lines))
    found, tally = read(JsonLines(f"{tmp_path}/x"))
    assert found == [("x:2", "good"), ("x\ufffd", "half \ufffd, whole \U0001f600")]
    counts = (tally.page_count, tally.document_count, tally.empty_count, tally.broken_count)
    assert counts == (7, 2, 2, 3)
    named = [note.split(": ", 1)[1].split(" ", 2)[:2] for note in tally.notes]
    assert named == [["object", number] for number in ("1", "5", "6", "7")]


def test_a_parquet_column_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    for values in ([b"x"], [1], [["x"]], [{"a": "x"}]):
        pl.DataFrame({"text": values, "title": ["t"]}).write_parquet(path)
        with pytest.raises(CorpusError, match=r"a\.parquet: column 'text' is .* and not text"):
            check_layout(ParquetText(str(path)), "de")
        with pytest.raises(CorpusError, match=r"a\.parquet: column 'text' is .* and not text"):
            read(ParquetText(str(path)))
    pl.DataFrame({"text": ["x"]}, {"text": pl.Categorical}).write_parquet(path)
    assert read(ParquetText(str(path), title_column=None))[0] == [("a.parquet:1", "x")]


def test_a_parquet_row_that_is_no_utf8_costs_itself_alone(tmp_path: Path) -> None:
    text = pa.array([b"good", b"Flu\xdf", None]).view(pa.string())
    pq.write_table(pa.table({"text": text}), tmp_path / "a.parquet")
    found, tally = read(ParquetText(f"{tmp_path}/a.parquet", title_column=None))
    assert found == [("a.parquet:1", "good")]
    assert (tally.page_count, tally.empty_count, tally.broken_count) == (3, 1, 1)


def test_a_corpus_of_which_little_was_read_is_refused() -> None:
    check_readable(Tally(page_count=4, document_count=2, broken_count=2), "c")
    for tally in (
        Tally(),
        Tally(page_count=3, empty_count=3),
        Tally(page_count=5, document_count=2, broken_count=3, notes=["x.txt: line 1 is bad"]),
    ):
        with pytest.raises(CorpusError, match=r"c: of .*does not show which facts are absent"):
            check_readable(tally, "c")


def test_a_long_line_is_read_in_linear_time(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a" * (48 << 20) + b"\nb")
    started = time.process_time()
    found, _ = read(PlainText(f"{tmp_path}/x"))
    assert [len(text) for _, text in found] == [48 << 20, 1]
    # Joining the rest again for every block takes 14 seconds.
    assert time.process_time() - started < 5


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


@pytest.mark.parametrize("name", ["study[2]", "a*b", "what?", "[!x]", "it's {odd} ü"])
def test_only_what_the_user_writes_is_a_pattern(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / name / "texts [1]"
    folder.mkdir(parents=True)
    for file in ("de.txt", "fr.txt", "[x].txt"):
        (folder / file).write_text("Bern ist eine Stadt.", encoding="utf-8")
    (tmp_path / "study2" / "texts 1").mkdir(parents=True)
    (tmp_path / "study2" / "texts 1" / "de.txt").write_text("Nein.", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path / name))
    for path, base, found in [
        ("*.txt", folder, ["[x].txt", "de.txt", "fr.txt"]),
        ("texts [1]/{language}.txt", folder.parent, ["de.txt"]),
        ("texts*/?e.txt", folder.parent, ["de.txt"]),
        ("../texts [1]/[df]?.txt", folder, ["de.txt", "fr.txt"]),
        ("~/texts [1]/d*", Path.cwd(), ["de.txt"]),
        (f"{folder}/[x].txt", Path.cwd(), ["[x].txt"]),
        (f"file://{folder}/de.txt", Path.cwd(), ["de.txt"]),
    ]:
        files = list_files(PlainText(path), "de", base)
        assert [file.name for file in files] == found, path
        assert {Path(file.path.removeprefix("file://")).parent for file in files} == {folder}


@pytest.mark.parametrize("path", ["a**b/*.txt", "\0", "", ".", "~nobody-of-this-name/x.txt"])
def test_a_path_that_cannot_be_one_is_an_error(tmp_path: Path, path: str) -> None:
    with pytest.raises(CorpusError):
        list_files(PlainText(path), "de", tmp_path)


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
