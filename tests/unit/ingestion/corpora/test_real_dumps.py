"""Real dumps: every page is read, whatever the compression, encoding or end of the file."""

from __future__ import annotations

import bz2
import lzma
import re
from pathlib import Path

import pytest

from ingestion.corpora import (
    Document,
    Shard,
    SourceFile,
    Tally,
    WikipediaDump,
    list_files,
    read_documents,
)
from ingestion.corpora.mediawiki import BrokenPage, Page, read_pages
from ingestion.corpora.wikitext import plain_text
from ingestion.corpora.wikitext_tokens import text_of_tokens

pytestmark = pytest.mark.real_data


def read(file: SourceFile) -> tuple[list[Document], Tally]:
    tally = Tally()
    return list(read_documents(WikipediaDump(""), Shard(file), tally)), tally


def independent_counts(path: Path) -> tuple[int, int, int]:
    """Pages, whole pages and article pages, by counting tags in the decoded text."""
    data = path.read_bytes()
    if data.startswith(b"BZh"):
        data = bz2.decompress(data)
    elif data.startswith(b"\xfd7zXZ"):
        data = lzma.decompress(data)
    text = data.decode("utf-16" if data.startswith(b"\xff\xfe") else "utf-8")
    whole = re.findall(r"<page>.*?</page>", text, re.DOTALL)
    articles = [p for p in whole if "<ns>0</ns>" in p and "<redirect" not in p]
    return text.count("<page>"), len(whole), len(articles)


def test_all_mini_dumps_give_every_article(real_data: Path) -> None:
    files = list_files(WikipediaDump("*.xml.bz2"), "xx", real_data / "wikipedia" / "minidumps")
    assert len(files) == 53
    for file in files:
        documents, tally = read(file)
        pages, whole, articles = independent_counts(Path(file.path))
        assert (tally.page_count, pages) == (pages, whole), file.name
        assert len(documents) == articles, file.name
        assert (tally.broken_count, tally.is_truncated) == (0, False), file.name
        for document in documents:
            assert len(document.text) > 50, (file.name, document.title)
            left = re.search(r"\{\{|\}\}|\{\||<ref|<br|&[a-z]+;|'''", document.text)
            assert left is None, (file.name, document.title, left)


@pytest.mark.parametrize("language", ["el", "hy", "ja", "uk", "vi"])
def test_cut_dumps_keep_all_but_the_last_page(real_data: Path, language: str) -> None:
    (file,) = list_files(WikipediaDump("{language}wiki-*.xz"), language, real_data / "wikipedia")
    pages, whole, articles = independent_counts(Path(file.path))
    assert pages == whole + 1
    *kept, last = read_pages(file)
    assert last == BrokenPage("the file ends inside it", is_cut=True)
    assert len(kept) == whole
    found = [p for p in kept if isinstance(p, Page) and p.namespace == 0 and not p.is_redirect]
    assert len(found) == articles
    assert len({page.title for page in found}) == articles


def test_the_loss_of_a_cut_dump_is_told(real_data: Path) -> None:
    (file,) = list_files(WikipediaDump("ja*.xz"), "ja", real_data / "wikipedia")
    documents, tally = read(file)
    assert (tally.page_count, tally.broken_count, tally.is_truncated) == (239, 1, True)
    assert (tally.document_count, len(documents)) == (189, 189)
    assert tally.notes == ["jawiki-truncated-100k.xml.xz: page 239 the file ends inside it"]


@pytest.mark.parametrize(
    ("pattern", "pages"),
    [
        ("enwiki-*.bz2", 206),
        ("nlwiki-*.xml", 21),
        # UTF-16 behind its bzip2: a search for '<page>' in its bytes finds none.
        ("bgwiki-*.bz2", 3),
    ],
)
def test_excerpts_have_the_right_page_counts(real_data: Path, pattern: str, pages: int) -> None:
    (file,) = list_files(WikipediaDump(pattern), "xx", real_data / "wikipedia")
    documents, tally = read(file)
    counted, _, articles = independent_counts(Path(file.path))
    assert tally.page_count == counted == pages
    assert len(documents) + tally.empty_count == articles
    assert not tally.is_truncated


def test_simple_mark_up_is_read_as_the_library_reads_it(real_data: Path) -> None:
    """In the small dumps of 53 languages; the benchmark of tracing compares all dumps."""
    folder = real_data / "wikipedia" / "minidumps"
    for file in list_files(WikipediaDump("*.xml.bz2"), "xx", folder):
        for page in read_pages(file):
            assert isinstance(page, Page)
            expected = plain_text(page.wikitext, read=text_of_tokens)
            assert plain_text(page.wikitext) == expected, (file.name, page.title)
