"""Small files that mean much: unpacking and reading stay within bounds of time and memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import re
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from ingestion.corpora import CorpusError, CorpusSettings, wikipedia_dump, wikitext
from ingestion.corpora.documents import Shard, Tally
from ingestion.corpora.reading import check_layout, read_documents
from ingestion.corpora.settings import (
    JsonLines,
    ParquetText,
    PlainText,
    SourceFile,
    WikipediaDump,
)
from ingestion.corpora.streams import CutStreamError, stream_blocks
from ingestion.facts.archive import open_archive
from ingestion.facts.source import FactsError
from ingestion.tracing.names import NamesError, read_aliases

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "bz2": bz2.compress,
    "gz": gzip.compress,
    "xz": lzma.compress,
}


def source(path: Path) -> SourceFile:
    return SourceFile(str(path), path.stat().st_size)


@pytest.mark.parametrize("kind", PACKERS)
def test_a_bomb_is_refused_in_little_memory(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"bomb.{kind}"
    path.write_bytes(PACKERS[kind](b" " * (80 << 20)))
    tracemalloc.start()
    with pytest.raises(CorpusError, match="does not pack 250 times"):
        for _ in stream_blocks(source(path)):
            pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 << 20
    assert path.stat().st_size < 1 << 20


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("size", [0, 1, 1 << 16, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20])
def test_every_byte_comes_out_once(tmp_path: Path, kind: str, size: int) -> None:
    # Zeros pack best, so that much is unpacked from the last bytes; two streams, as in dumps.
    text = b"0" * size + random.Random(size).randbytes(1000).hex().encode()
    path = tmp_path / f"text.{kind}"
    path.write_bytes(PACKERS[kind](text) + PACKERS[kind](b"second"))
    assert b"".join(block for block, _ in stream_blocks(source(path))) == text + b"second"


def test_a_file_of_one_line_is_read_in_linear_time(tmp_path: Path) -> None:
    seconds = []
    for size in (4 << 20, 16 << 20):
        path = tmp_path / "one.txt"
        path.write_bytes(b"x" * size)
        started = time.process_time()
        for settings in (PlainText(str(path)), JsonLines(str(path))):
            list(read_documents(settings, Shard(source(path)), Tally()))
        seconds.append(time.process_time() - started)
    # Four times the bytes: a quadratic reader takes 16 times as long.
    assert seconds[1] < 9 * seconds[0] + 0.5


OLDER = {
    "_BROKEN_TAG": r"</?[A-Za-z][\w-]*(?:\s*/?|\s+[^<>\n]*=[^<>\n]*)>",
    "_REDIRECT": r"\s*#\s*[^\W\d_]+\s*:?\s*\[\[",
}
"""The same patterns as one would write them first; they take quadratic time."""


@pytest.mark.parametrize("name", OLDER)
def test_patterns_find_the_same_as_the_slow_ones(name: str) -> None:
    module = wikipedia_dump if name == "_REDIRECT" else wikitext
    fast, slow = getattr(module, name), re.compile(OLDER[name])
    chosen = random.Random(name)
    pieces = [*"<>/=a -\n():,、（）#[", "\u3000", "  ", "<a", "[[", "</", "#a", "#a :["]
    found = 0
    for _ in range(20_000):
        text = "".join(chosen.choices(pieces, k=chosen.randint(1, 12)))
        matches = [match.span() for match in slow.finditer(text)]
        assert [match.span() for match in fast.finditer(text)] == matches, text
        found += bool(matches)
    assert found > 50


@pytest.mark.parametrize("text", [" ", "\u3000", "<a ", "<a =", "( ", "# a", "#REDIRECT \t"])
def test_patterns_take_linear_time(text: str) -> None:
    for name in OLDER:
        # Whether a page is a redirect is asked at its beginning only.
        find = (
            wikipedia_dump._REDIRECT.match
            if name == "_REDIRECT"
            else getattr(wikitext, name).search
        )
        started = time.process_time()
        for more in ("", " " * (1 << 17), "=" * (1 << 17)):
            find(text * (1 if more else 1 << 17) + more)
        assert time.process_time() - started < 5


def test_a_parquet_file_of_a_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    path.write_bytes(parquet_of("x" * (80 << 20)))
    assert path.stat().st_size < 1 << 20
    settings = ParquetText(str(path), "text", None)
    with pytest.raises(CorpusError, match="does not pack 250 times"):
        check_layout(settings, "en")
    with pytest.raises(CorpusError, match="does not pack 250 times"):
        list(read_documents(settings, Shard(source(path)), Tally()))


def test_a_file_of_xz_gets_little_memory_whatever_its_header_asks_for(tmp_path: Path) -> None:
    packed = bytearray(lzma.compress(b"hello " * 1_000))
    # The size of the dictionary is behind the filter's number (0x21) and length (1).
    header = packed[12 : 12 + 4 * (packed[12] + 1)]
    header[header.index(0x21) + 2] = 37
    header[-4:] = struct.pack("<I", zlib.crc32(header[:-4]))
    packed[12 : 12 + len(header)] = header
    path = tmp_path / "text.xz"
    path.write_bytes(packed)
    with pytest.raises(CutStreamError, match="Memory usage limit exceeded"):
        list(stream_blocks(source(path)))


def test_packed_aliases_are_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "aliases.csv"
    path.write_bytes(gzip.compress(b"language_code,entity_id,alias\nen,Paris,Paname\n"))
    with pytest.raises(NamesError, match="is not a CSV file in UTF-8"):
        read_aliases(path)


def test_a_zip_of_a_bomb_or_of_too_many_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "facts.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mlama/en/P36.jsonl", b" " * (64 << 20))
    with pytest.raises(FactsError, match="unpack to far more than text can be: 'mlama/en/P36"):
        open_archive(path)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20_001):
            archive.writestr(f"mlama/{number}/P36.jsonl", b"")
    with pytest.raises(FactsError, match=r"has 20,001 entries"):
        open_archive(path)


MARK_UP = ["{{a}}", "{{a|b=c}}", "[[a:b]]", "[[a:b]] ", "[[a|b]]", "''a'' ", "<b>a</b>", "<br>"]


@pytest.mark.parametrize("piece", MARK_UP)
def test_mark_up_without_line_breaks_takes_linear_time(piece: str) -> None:
    started = time.process_time()
    wikitext.plain_text(piece * (200_000 // len(piece)))
    # In quadratic time, a minute and more.
    assert time.process_time() - started < 5


def lost(settings: CorpusSettings, path: Path, content: bytes) -> tuple[list[str], Tally]:
    """Texts of the documents of a file, and what was lost."""
    path.write_bytes(content)
    tally = Tally()
    found = read_documents(settings, Shard(source(path)), tally)
    return [document.text for document in found], tally


def page(title: str, text: str) -> str:
    revision = f"<revision><text>{text}</text></revision>"
    return f"<page><title>{title}</title><ns>0</ns>{revision}</page>"


def parquet_of(*texts: str) -> bytes:
    written = io.BytesIO()
    pl.DataFrame({"text": texts}).write_parquet(written)
    return written.getvalue()


LONG = "x" * 2_000
LARGE: dict[str, tuple[CorpusSettings, bytes, list[str]]] = {
    "line": (PlainText("a", largest_document=1_000), f"a\n{LONG}\nb".encode(), ["a", "b"]),
    "last line": (PlainText("a", largest_document=1_000), f"a\n{LONG}".encode(), ["a"]),
    "object": (
        JsonLines("a", largest_document=1_000),
        f'{{"text": "a"}}\n{{"text": "{LONG}"}}\n{{"text": "b"}}'.encode(),
        ["a", "b"],
    ),
    "row": (ParquetText("a", "text", None, largest_document=1_000), parquet_of("a", LONG), ["a"]),
    "page": (
        WikipediaDump("a", largest_document=1_000),
        f"<mediawiki>{page('A', 'a')}{page('B', LONG)}{page('C', 'c')}</mediawiki>".encode(),
        ["a", "c"],
    ),
    "page without end": (
        WikipediaDump("a", largest_document=1_000),
        f"<mediawiki>{page('A', 'a')}<page>{'x' * (1 << 18)}{page('C', 'c')}</mediawiki>".encode(),
        ["a", "c"],
    ),
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_document_that_is_too_large_is_lost_and_the_others_stay(
    tmp_path: Path, kind: str
) -> None:
    settings, content, texts = LARGE[kind]
    found, tally = lost(settings, tmp_path / "file", content)
    assert found == texts
    assert tally.broken_count == 1
    assert "has more than 1,000 bytes (largest_document in the study file)" in tally.notes[0]
    same, tally = lost(replace(settings, largest_document=1 << 20), tmp_path / "file", content)
    assert len(same) + tally.broken_count == len(texts) + 1


def test_a_file_that_is_one_document_has_a_limit_too(tmp_path: Path) -> None:
    settings = PlainText("a", "file", largest_document=1_000)
    found, tally = lost(settings, tmp_path / "file", b"some words\n" * 200)
    assert (found, tally.broken_count) == ([], 1)


def test_a_line_without_end_is_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    path.write_bytes(b"x" * (48 << 20))
    tracemalloc.start()
    found = list(
        read_documents(PlainText("a", largest_document=1 << 20), Shard(source(path)), Tally())
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == []
    assert peak < 4 << 20


def test_a_page_that_no_wiki_can_have_is_not_split() -> None:
    with pytest.raises(wikitext.WikitextError, match="a page has at most 8,388,608"):
        wikitext.plain_text("a" * ((8 << 20) + 1))
