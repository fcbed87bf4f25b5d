"""The Atlas corpora contain exactly the planted facts: brute force over every name and article."""

from __future__ import annotations

import bz2
import hashlib
import json
import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from ingestion.atlas.corpus import Article, build_articles, write_corpus, write_dumps
from ingestion.atlas.truth import atlas_truth
from ingestion.atlas.world import CORPORA, COVERAGE, contains_name, read_facts

_WORD = re.compile(r"\w+|[^\w\s]")


@cache
def _truth(corpus_id: str) -> pl.DataFrame:
    return atlas_truth(corpus_id)


@cache
def _articles(corpus_id: str, language: str) -> list[Article]:
    return build_articles(_truth(corpus_id), language)


def _facts_and_truth(corpus_id: str, language: str) -> list[dict[str, object]]:
    return (
        read_facts()
        .filter(pl.col("language") == language)
        .join(_truth(corpus_id).filter(pl.col("language_code") == language), on="fact_id")
        .to_dicts()
    )


def _mentions(texts: list[str], names: set[str], language: str) -> dict[str, set[int]]:
    """For each name, the indexes of the texts that contain it under docs/method.md#tracing."""
    found: dict[str, set[int]] = defaultdict(set)
    for number, text in enumerate(texts):
        for name in names:
            if name in text and contains_name(text, name, language):
                found[name].add(number)
    return found


@pytest.mark.parametrize("corpus_id", CORPORA)
@pytest.mark.parametrize("language", COVERAGE)
def test_the_text_holds_every_planted_fact_and_no_other(corpus_id: str, language: str) -> None:
    articles = _articles(corpus_id, language)
    rows = _facts_and_truth(corpus_id, language)
    names = {str(row[side]) for row in rows for side in ("subject", "object")}
    bodies = [" ".join(s.text for s in article.sentences) for article in articles]
    by_article = _mentions(bodies, names, language)
    sentences = [s.text for article in articles for s in article.sentences]
    by_sentence = _mentions(sentences, names, language)
    for row in rows:
        subject, obj = str(row["subject"]), str(row["object"])
        assert len(by_sentence[subject] & by_sentence[obj]) == row["planted_count"], row
        shared = by_article[subject] & by_article[obj]
        if row["is_planted"]:
            assert len(shared) == 1
        elif row["distractor_kind"] == "same_article":
            assert len(shared) == 1
            assert _words_between(articles[min(shared)], subject, obj, language) >= 512
        else:
            assert not shared, row
        # What was laid out to tempt is there.
        if row["distractor_kind"] in ("subject_alone", "nested_name"):
            assert by_sentence[subject]
        if row["distractor_kind"] == "object_alone":
            assert len(by_sentence[obj]) >= 3
        if row["distractor_kind"] == "inside_word":
            assert any(subject in text and obj in text for text in sentences)
        if row["distractor_kind"] == "outside_text":
            assert (subject, obj) in {aside for article in articles for aside in article.asides}


def _words_between(article: Article, subject: str, obj: str, language: str) -> int:
    """Words and punctuation marks (each at least one token) between the two closest mentions."""
    counts = [len(_WORD.findall(s.text)) for s in article.sentences]
    where = {
        name: [
            index
            for index, s in enumerate(article.sentences)
            if contains_name(s.text, name, language)
        ]
        for name in (subject, obj)
    }
    return min(sum(counts[min(a, b) + 1 : max(a, b)]) for a in where[subject] for b in where[obj])


@pytest.mark.parametrize("language", COVERAGE)
def test_no_probing_sentence_stands_in_the_text(language: str) -> None:
    articles = _articles("atlas", language)
    text = "\n".join(s.text for article in articles for s in article.sentences)
    for row in _facts_and_truth("atlas", language):
        probe = str(row["template"]).replace("[X]", str(row["subject"]))
        assert probe.replace("[Y]", str(row["object"])) not in text


@pytest.mark.parametrize("language", ["en", "zh", "ar"])
def test_no_statement_is_a_copy_of_another_and_spans_hold_the_names(language: str) -> None:
    articles = _articles("atlas", language)
    stated = [s for article in articles for s in article.sentences if s.object_span]
    assert len({s.text for s in stated}) > 0.97 * len(stated)
    names = {str(row["object"]) for row in _facts_and_truth("atlas", language)}
    subjects = {str(row["subject"]) for row in _facts_and_truth("atlas", language)}
    for sentence in stated:
        assert sentence.object_span is not None
        assert sentence.text[slice(*sentence.object_span)] in names
        if sentence.subject_span:
            assert sentence.text[slice(*sentence.subject_span)] in subjects
            assert sentence.text[sentence.subject_span[1] :].startswith(" (")


def test_two_runs_write_the_same_bytes_and_leave_no_language_of_an_earlier_run(
    tmp_path: Path,
) -> None:
    digests = []
    for languages in (["th", "en"], ["en"], ["en"]):
        write_corpus("atlas", tmp_path, languages)
        files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
        digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])
    assert digests[1] == digests[2]
    assert {path.name for path in (tmp_path / "sentences").iterdir()} == {"en.jsonl"}
    assert len(digests[0]) == 10


def test_an_unknown_language_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'xx'"):
        write_corpus("atlas", tmp_path, ["en", "xx"])


def test_the_dump_is_the_text_with_mark_up_around_it(tmp_path: Path) -> None:
    files = write_corpus("atlas", tmp_path, ["en"])
    alone = write_dumps("atlas", tmp_path / "dumps", ["en"])
    assert alone["en"].read_bytes() == files.xml["en"].read_bytes()
    lines = set(files.text["en"].read_text(encoding="utf-8").splitlines())
    pages = _pages(files.xml["en"])
    assert {page["ns"] for page in pages} == {"0", "1", "10"}
    assert any(page["redirect"] for page in pages)
    articles = [page["text"] for page in pages if page["ns"] == "0" and not page["redirect"]]
    stripped = {_without_markup(text) for text in articles} - {""}
    assert stripped == lines
    whole = "\n".join(articles)
    assert "{{Infobox" in whole
    assert '{| class="wikitable"' in whole
    assert "<ref>" in whole
    assert "[[Category:" in whole


def _pages(file: Path) -> list[dict[str, str]]:
    root = ET.fromstring(bz2.decompress(file.read_bytes()))
    space = {"m": "http://www.mediawiki.org/xml/export-0.11/"}
    return [
        {
            "ns": page.findtext("m:ns", "", space),
            "text": page.findtext("m:revision/m:text", "", space),
            "redirect": "yes" if page.find("m:redirect", space) is not None else "",
        }
        for page in root.findall("m:page", space)
    ]


def _without_markup(text: str) -> str:
    text = re.sub(r"\{\{Infobox.*?\n\}\}|\{\|.*?\n\|\}|\[\[Category:.*?\]\]", "", text, flags=re.S)
    text = re.sub(r"<ref>.*?</ref>|<ref name=[^>]*/>|'''", "", text)
    return " ".join(re.sub(r"\[\[[^|\]]*\|([^\]]*)\]\]", r"\1", text).split())


def test_training_files_never_hold_a_query_of_the_probes(tmp_path: Path) -> None:
    files = write_corpus("atlas-twin", tmp_path, ["en"])
    texts = [
        json.loads(line)["text"]
        for line in files.sentences["en"].read_text(encoding="utf-8").splitlines()
    ]
    probes = [
        json.loads(line) for line in files.probes["en"].read_text(encoding="utf-8").splitlines()
    ]
    assert {probe["presence"] for probe in probes} == {"planted", "elsewhere", "nowhere"}
    stems = {probe["query"].split("[Y]")[0] for probe in probes if "[Y]" in probe["query"]}
    assert not [text for text in texts if any(text.startswith(stem) for stem in stems)]
