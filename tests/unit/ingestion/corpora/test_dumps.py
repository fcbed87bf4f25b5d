"""Dumps in every state: whole, compressed, cut, broken, in another encoding, read in shards."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from ingestion.corpora import (
    Shard,
    SourceFile,
    Tally,
    WikipediaDump,
    file_shards,
    read_documents,
)
from ingestion.corpora.mediawiki import Page, read_pages

HEAD = (
    '<mediawiki xml:lang="xx">\n<siteinfo><namespaces>'
    '<namespace key="0" case="first-letter" />'
    '<namespace key="1" case="first-letter">Diskussion</namespace>'
    '<namespace key="6" case="first-letter">Datei</namespace>'
    "</namespaces></siteinfo>\n"
)
TAIL = "</mediawiki>\n"
CORPUS = WikipediaDump("unused")


def page(
    title: str,
    text: str,
    namespace: int | None = 0,
    extra: str = "",
    model: str = "wikitext",
) -> str:
    ns = "" if namespace is None else f"<ns>{namespace}</ns>"
    return (
        f"  <page>\n<title>{title}</title>{ns}<id>1</id>{extra}"
        f"<revision><id>2</id><model>{model}</model>"
        f'<text xml:space="preserve">{text}</text></revision>\n  </page>\n'
    )


def read(path: Path, shard_bytes: int | None = None) -> tuple[list[tuple[str, str]], Tally]:
    file = SourceFile(str(path), path.stat().st_size)
    shards = file_shards(CORPUS, file, shard_bytes) if shard_bytes else (Shard(file),)
    found: list[tuple[str, str]] = []
    total = Tally()
    for shard in shards:
        tally = Tally()
        found += [(d.title, d.text) for d in read_documents(CORPUS, shard, tally)]
        total.page_count += tally.page_count
        total.broken_count += tally.broken_count
        total.redirect_count += tally.redirect_count
        total.other_namespace_count += tally.other_namespace_count
        total.empty_count += tally.empty_count
        total.is_truncated |= tally.is_truncated
        total.notes += tally.notes
    return found, total


def write(path: Path, text: str, pack: Callable[[bytes], bytes] = bytes) -> Path:
    path.write_bytes(pack(text.encode()))
    return path


def test_articles_are_told_by_the_ns_element_whatever_the_title_says(tmp_path: Path) -> None:
    pages = [
        page("Berlin", "Berlin is a city."),
        page("Diskussion:Oper", "An article with an unlucky title."),
        page("Berlin", "Talk.", 1),
        page("Modul:X", "return 1", model="Scribunto"),
        page("Spree", "Not shown.", extra='<redirect title="Berlin" />'),
        page("Havel", "#WEITERLEITUNG [[Berlin]]"),
        page("Leer", "{{stub}}"),
    ]
    found, tally = read(write(tmp_path / "d.xml", HEAD + "".join(pages) + TAIL))
    assert [title for title, _ in found] == ["Berlin", "Diskussion:Oper"]
    assert (tally.page_count, tally.redirect_count, tally.empty_count) == (7, 2, 1)
    assert (tally.other_namespace_count, tally.broken_count, tally.is_truncated) == (2, 0, False)


def test_a_dump_without_ns_falls_back_on_title_and_header(tmp_path: Path) -> None:
    pages = page("Berlin", "A.", None) + page("Diskussion:Berlin", "B.", None)
    pages += page("Mission: Impossible", "C.", None)
    found, tally = read(write(tmp_path / "d.xml", HEAD + pages + TAIL))
    assert [title for title, _ in found] == ["Berlin", "Mission: Impossible"]
    assert tally.other_namespace_count == 1


@pytest.mark.parametrize("pack", [bytes, bz2.compress, gzip.compress, lzma.compress])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_of_a_cut_file_all_whole_pages_are_kept_and_the_loss_is_told(
    tmp_path: Path, pack: Callable[[bytes], bytes], share: float
) -> None:
    # Text that does not pack well, so that the cut falls inside it whatever the packing.
    words = " ".join(str(hash((i, "x")) ** 2) for i in range(20_000))
    pages = [page(f"P{i}", words[i * 9_000 : (i + 1) * 9_000] + "x") for i in range(60)]
    data = pack((HEAD + "".join(pages) + TAIL).encode())
    path = tmp_path / "cut"
    path.write_bytes(data[: int(len(data) * share)])
    found, tally = read(path)
    assert [title for title, _ in found] == [f"P{i}" for i in range(len(found))]
    assert tally.is_truncated
    assert tally.broken_count <= 1
    assert tally.page_count == len(found) + tally.broken_count
    assert "cut" in tally.notes[0]
    if pack is bytes:
        assert len(found) >= int(60 * share) - 1


def test_a_file_cut_between_two_pages_is_noticed(tmp_path: Path) -> None:
    found, tally = read(write(tmp_path / "d.xml", HEAD + page("A", "a") + page("B", "b")))
    assert len(found) == 2
    assert tally.is_truncated
    assert tally.broken_count == 0
    assert tally.notes == ["d.xml ends without </mediawiki>"]


def test_a_broken_page_costs_itself_only(tmp_path: Path) -> None:
    broken = "<page><title>B</title><ns>0</ns><revision><text>a < b</text></revision></page>\n"
    endless = "<page><title>C</title><ns>0</ns><revision><text>no end\n"
    text = HEAD + page("A", "a") + broken + page("D", "d") + endless + page("E", "e") + TAIL
    found, tally = read(write(tmp_path / "d.xml", text))
    assert [title for title, _ in found] == ["A", "D", "E"]
    assert (tally.page_count, tally.broken_count, tally.is_truncated) == (5, 2, False)
    assert "page 2 is not well-formed" in tally.notes[0]
    assert "another page begins inside" in tally.notes[1]


def test_bytes_that_are_no_utf8_break_their_page_only(tmp_path: Path) -> None:
    data = (HEAD + page("A", "a") + page("B", "@") + page("C", "c") + TAIL).encode()
    (tmp_path / "d.xml").write_bytes(data.replace(b"@", b"\xff\xfe"))
    found, tally = read(tmp_path / "d.xml")
    assert [title for title, _ in found] == ["A", "C"]
    assert tally.broken_count == 1


def test_a_utf16_dump_is_read(tmp_path: Path) -> None:
    (tmp_path / "d.bz2").write_bytes(bz2.compress((HEAD + page("Ä", "ö") + TAIL).encode("utf-16")))
    found, tally = read(tmp_path / "d.bz2")
    assert found == [("Ä", "ö")]
    assert not tally.is_truncated


@pytest.mark.parametrize("content", ["", "<mediawiki></mediawiki>", "nothing of the kind"])
def test_a_file_without_pages_says_so(tmp_path: Path, content: str) -> None:
    found, tally = read(write(tmp_path / "d.xml", content))
    assert found == []
    assert tally.page_count == 0
    assert "d.xml has no <page>" in tally.notes


def multistream(parts: list[str]) -> bytes:
    return b"".join(bz2.compress(part.encode()) for part in parts)


@pytest.mark.parametrize("shard_bytes", [1, 7, 64, 500, 4_096, 10**6])
@pytest.mark.parametrize("layout", ["plain", "multistream", "blocks"])
def test_shards_give_every_page_once_wherever_they_are_cut(
    tmp_path: Path, layout: str, shard_bytes: int
) -> None:
    pages = [page(f"P{i}", f"Text {i} <>".replace("<>", "&lt;page&gt;")) for i in range(25)]
    whole = HEAD + "".join(pages) + TAIL
    if layout == "plain":
        data = whole.encode()
    elif layout == "multistream":
        data = multistream([HEAD, *["".join(pages[i : i + 5]) for i in range(0, 25, 5)], TAIL])
    else:
        # As parallel bzip2 packs: streams that end anywhere, also inside a tag.
        data = multistream([whole[i : i + 97] for i in range(0, len(whole), 97)])
    if shard_bytes < 64 and layout == "blocks":
        shard_bytes = 64 + shard_bytes
    path = tmp_path / "d"
    path.write_bytes(data)
    found, tally = read(path, shard_bytes)
    assert [title for title, _ in found] == [f"P{i}" for i in range(25)]
    assert (tally.page_count, tally.broken_count, tally.is_truncated) == (25, 0, False)


def test_a_packed_file_that_cannot_be_entered_midway_is_one_shard(tmp_path: Path) -> None:
    path = write(tmp_path / "d.xz", HEAD + TAIL, lzma.compress)
    assert len(file_shards(CORPUS, SourceFile(str(path), 1_000), 10)) == 1


def test_reading_holds_one_page_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "d.xml.bz2"
    noise = random.Random(0)
    with bz2.open(path, "wt", compresslevel=1) as out:
        out.write(HEAD)
        for i in range(60):
            out.write(page(f"P{i}", " ".join(f"{noise.random()}" for _ in range(5_000))))
        out.write(TAIL)
    file = SourceFile(str(path), path.stat().st_size)
    tracemalloc.start()
    size = sum(len(d.wikitext) for d in read_pages(file) if isinstance(d, Page))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 5_000_000
    assert peak < 1_500_000
