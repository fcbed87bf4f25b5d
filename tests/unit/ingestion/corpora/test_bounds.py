"""Small files that mean much: unpacking and reading stay within bounds of time and memory."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import re
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ingestion.corpora import CorpusError, reading, wikitext
from ingestion.corpora.reading import Shard, Tally, read_documents
from ingestion.corpora.settings import JsonLines, PlainText, SourceFile
from ingestion.corpora.streams import stream_blocks
from ingestion.facts.archive import open_archive
from ingestion.facts.source import FactsError

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
    module = reading if name == "_REDIRECT" else wikitext
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
        find = reading._REDIRECT.match if name == "_REDIRECT" else getattr(wikitext, name).search
        started = time.process_time()
        for more in ("", " " * (1 << 17), "=" * (1 << 17)):
            find(text * (1 if more else 1 << 17) + more)
        assert time.process_time() - started < 5


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
