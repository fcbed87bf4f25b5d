"""Corpora: documents that are not damaged are read, and what is lost is counted and named."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import polars as pl

from ingestion.corpora import (
    CorpusSettings,
    JsonLines,
    ParquetText,
    PlainText,
    Tally,
    WikipediaDump,
    check_layout,
    check_readable,
    file_shards,
    list_files,
    read_documents,
)
from ingestion.corpora.wikitext import WikitextError, plain_text
from ingestion.corpora.wikitext_tokens import text_of_tokens
from tests.fuzz.cases import ODD, damaged, label, run
from tests.helpers.wikitext import ARTICLE

WORDS = ["Bern", "liegt", "am", "Fluss", "東京", "は", "Москва", "città"]
PACKERS: tuple[Callable[[bytes], bytes], ...] = (bytes, gzip.compress, bz2.compress, lzma.compress)


def _sentence(rng: random.Random, number: int) -> str:
    return f"Nr {number} {' '.join(rng.choices(WORDS, k=5))}."


def _text(documents: list[str]) -> bytes:
    return "\n".join(documents).encode() + b"\n"


def _jsonl(documents: list[str]) -> bytes:
    return b"\n".join(
        json.dumps({"title": f"t{n}", "text": text}).encode() for n, text in enumerate(documents)
    )


def _parquet(documents: list[str]) -> bytes:
    out = io.BytesIO()
    titles = [f"t{n}" for n in range(len(documents))]
    pl.DataFrame({"title": titles, "text": documents}).write_parquet(out)
    return out.getvalue()


def _dump(documents: list[str]) -> bytes:
    pages = "".join(
        f"<page>\n<title>t{n}</title>\n<ns>0</ns>\n<revision>\n<timestamp>2020-01-01T00:00:00Z"
        f"</timestamp>\n<model>wikitext</model>\n<text>{escape(text)}</text>\n</revision>\n</page>\n"
        for n, text in enumerate(documents)
    )
    return f"<mediawiki>\n{pages}</mediawiki>\n".encode()


WRITERS: dict[type, Callable[[list[str]], bytes]] = {
    PlainText: _text,
    JsonLines: _jsonl,
    ParquetText: _parquet,
    WikipediaDump: _dump,
}


def _read(settings: CorpusSettings) -> tuple[list[str], Tally]:
    tally, texts = Tally(), []
    check_layout(settings, "de")
    for file in list_files(settings, "de"):
        for shard in file_shards(settings, file, 300):
            texts += [document.text for document in read_documents(settings, shard, tally)]
    check_readable(tally, "the corpus")
    return texts, tally


def test_documents_that_are_not_damaged_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x"

    def check(rng: random.Random) -> None:
        kind = rng.choice(list(WRITERS))
        documents = [_sentence(rng, n) for n in range(rng.randint(3, 30))]
        content = WRITERS[kind](documents)
        damage = rng.choice(["none", "inside", "outside"])
        if damage == "inside" and kind is not ParquetText:
            content = _with_bad_line(rng, content)
        content = rng.choice(PACKERS)(content) if kind is not ParquetText else content
        if damage == "outside":
            content = damaged(rng, content)
        path.write_bytes(content)
        texts, tally = _read(kind(str(path)))
        left_out = tally.redirect_count + tally.other_namespace_count + tally.empty_count
        assert tally.page_count == tally.document_count + left_out + tally.broken_count
        assert len(texts) == tally.document_count
        lost = [text for text in documents if not any(text in found for found in texts)]
        if damage == "none":
            assert not lost
            assert not tally.notes
        elif damage == "inside":
            assert len(lost) <= 1
            assert tally.broken_count or tally.notes or not lost or left_out

    run("corpora", 400, check)


def _with_bad_line(rng: random.Random, content: bytes) -> bytes:
    """One line more, or one page more, that cannot be read."""
    lines = content.split(b"\n")
    if content.startswith(b"<mediawiki>"):
        inner = damaged(rng, b"x </revision> &nosuch;")
        bad = b"<page><title>bad</title><text>" + inner + b"</page>"
        pages = content.split(b"<page>\n")
        pages[0] += bad
        return b"<page>\n".join(pages)
    bad = b"Der Flu\xdf. " + bytes(rng.choices(range(128, 256), k=rng.randint(0, 5)))
    lines.insert(rng.randint(1, len(lines) - 1), bad)
    return b"\n".join(lines)


PIECES = (
    *ODD, "{{", "}}", "[[", "]]", "|", "\n", "\n|", "{|", "|}", "<ref>", "</ref>", "<ref name=a/>",
    "''", "'''", "== x ==", "\n* ", "-{", "}-", "zh-hans:", "<nowiki>", "</nowiki>", "<!--", "-->",
    "[[File:a.jpg|", "[http://a.b ", "{{Bio|Nome=", "&nbsp;", "<br>", "</div>", "__TOC__", "Bern ",
)  # fmt: skip


def test_any_wikitext_is_text_in_normal_form_or_refused() -> None:
    def check(rng: random.Random) -> None:
        parts = [rng.choice([*PIECES, label(rng)]) for _ in range(rng.randint(1, 40))]
        try:
            text = plain_text("".join(parts))
        except WikitextError:
            return
        assert not set(text) & set("\x02\x03\x04\x05\x06\x00")
        assert all(line == line.strip() and line for line in text.split("\n") if text)

    run("wikitext", 1500, check)


SIGNS = (
    *PIECES, "=", "\n=", "\n;", "\n{|", "\n|}", "\n|-", "||", "[", "]", "{", "}", "{{{", "<li>",
    "<td>", "</tr>", "<div>", "<center>", "</center>", "<p>", "<math>", "</math>", "&#124;",
    "mailto:a", "mailto:", "http://", "[[a:b]]", "{{nbsp}}", "----", "<ref", ">", "'", ":",
)  # fmt: skip


def test_simple_mark_up_is_read_as_the_library_reads_it() -> None:
    def check(rng: random.Random) -> None:
        start, other = rng.randrange(len(ARTICLE)), rng.randrange(len(ARTICLE))
        text = ARTICLE[start : start + 600] + ARTICLE[other : other + rng.randrange(300)]
        for _ in range(rng.randint(1, 8)):
            place, sign = rng.randrange(len(text) + 1), rng.choice(SIGNS)
            found = text.find(sign, place)
            if found >= 0 and rng.random() < 0.5:
                text = text[:found] + text[found + len(sign) :]
            else:
                text = text[:place] + sign + text[place:]
        try:
            expected = plain_text(text, read=text_of_tokens)
        except WikitextError:
            return
        assert plain_text(text) == expected, text

    run("simple mark-up", 3000, check)


def test_a_good_paragraph_survives_any_paragraph_before_it() -> None:
    """Mark-up that is not closed costs its own paragraph, never the text after a heading."""

    def check(rng: random.Random) -> None:
        pieces = [piece for piece in PIECES if piece not in ("<nowiki>", "<!--", "{|", "<ref>")]
        before = "".join(rng.choice(pieces) for _ in range(rng.randint(1, 8)))
        try:
            text = plain_text(f"{before}\n\nBern liegt am Fluss.\n")
        except WikitextError:
            return
        opened = [before.count(a) > before.count(b) for a, b in (("{{", "}}"), ("[[", "]]"))]
        assert any(opened) or "Bern liegt am Fluss." in text, before

    run("paragraphs", 1500, check)
