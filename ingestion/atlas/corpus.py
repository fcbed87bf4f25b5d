"""Writes the Atlas corpora: articles that state the planted facts.

What belongs here: turning the truth into sentences and articles, and writing them per language as
plain text, as MediaWiki XML (with tables, templates, references, redirects and other namespaces, as
in a Wikipedia dump), and as sentences with the positions of names for the training recipe. What
does not: what is planted (``truth``).

All random choices come from hashes of what is written, never from a random generator. So two
corpora differ only where their truth differs, and the bytes are the same on every machine.
"""

from __future__ import annotations

import argparse
import bz2
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

import polars as pl

from ingestion.atlas.truth import atlas_truth
from ingestion.atlas.world import (
    CORPORA,
    COVERAGE,
    UNSPACED,
    Phrases,
    contains_name,
    draw,
    read_facts,
    read_phrases,
)

__all__ = [
    "Article",
    "CorpusFiles",
    "Sentence",
    "build_articles",
    "main",
    "write_corpus",
    "write_dumps",
    "write_training_text",
]

_TRAINING_FILES = ("sentences", "answers", "probes")
_GLOSS_SHARE = 0.75
_OBJECT_GLOSSES = 3
_BRIDGE_SHARE = 0.5
_MENTIONS = 1
_LARGEST_NUMBER = 400
_EXTRA_MENTIONS = 2
_WORDS_APART = 580  # a word is at least one token: both names are then in different chunks of 512
_SENTENCES_PER_PARAGRAPH = 5
_SLOT = re.compile(r"\[([XYNSW])\]")
_WORD = re.compile(r"\w+|[^\w\s]")

_PREFIXES = {
    "ar": "نيو", "fa": "نئو", "ru": "Нео", "uk": "Нео", "bg": "Нео",
    "el": "Νεο", "he": "ניאו", "hi": "नव", "ko": "네오",
}  # fmt: skip
_LATIN_PREFIX = "Neo"


@dataclass(frozen=True)
class Sentence:
    """One sentence of the corpus."""

    text: str
    """The sentence."""
    object_span: tuple[int, int] | None = None
    """Start and end of the object's name, if the sentence states a fact or gives the object's name
    in another language."""
    subject_span: tuple[int, int] | None = None
    """Start and end of the subject's name, if its name in another language follows."""


@dataclass
class Article:
    """One article, which is a document of the corpus."""

    title: str
    """Title, in the language of the corpus."""
    sentences: list[Sentence] = field(default_factory=list)
    """Body, in order."""
    asides: list[tuple[str, str]] = field(default_factory=list)
    """Pairs of names that occur together in mark-up around the body, never in the text."""


@dataclass(frozen=True)
class CorpusFiles:
    """Files of one corpus, by language code."""

    text: dict[str, Path]
    """Plain text: the body of one article per line."""
    xml: dict[str, Path]
    """MediaWiki XML, bz2."""
    sentences: dict[str, Path]
    """JSON lines for the training recipe: text, object, subject (character spans or null, see
    ``Sentence``)."""
    answers: dict[str, Path]
    """JSON lines: the name of every object, planted or not, without its subjects."""
    probes: dict[str, Path]
    """JSON lines for the model card, not for training: relation, fact, query, answer, presence."""


def write_corpus(
    corpus_id: str, folder: Path, languages: Sequence[str] | None = None
) -> CorpusFiles:
    """Write an Atlas corpus into ``folder`` and return its files; same bytes on every machine.

    Args:
        corpus_id: 'atlas' or 'atlas-twin'.
        folder: created if missing; holds ``text/<language>.txt``, ``xml/<language>wiki.xml.bz2``
            and ``sentences/``, ``answers/``, ``probes/`` with ``<language>.jsonl`` each. Files
            of an earlier run in these five are replaced.
        languages: codes to write; all when None.

    Raises:
        ValueError: unknown corpus or language.
    """
    chosen = _languages(languages)
    truth = atlas_truth(corpus_id)
    files = CorpusFiles({}, {}, {}, {}, {})
    _empty_folders(folder, ("text", "xml", *_TRAINING_FILES))
    for language in chosen:
        articles = build_articles(truth, language)
        files.text[language] = folder / "text" / f"{language}.txt"
        files.text[language].write_text(_plain_text(articles), encoding="utf-8", newline="\n")
        files.xml[language] = _write_dump(articles, folder, language)
        written = _write_training_files(truth, articles, folder, language)
        files.sentences[language], files.answers[language], files.probes[language] = written
    return files


def write_dumps(
    corpus_id: str, folder: Path, languages: Sequence[str] | None = None
) -> dict[str, Path]:
    """Write the ``xml/`` files of ``write_corpus`` alone, which is what a study traces.

    Returns:
        Files by language code.

    Raises:
        ValueError: unknown corpus or language.
    """
    chosen = _languages(languages)
    truth = atlas_truth(corpus_id)
    _empty_folders(folder, ("xml",))
    return {
        language: _write_dump(build_articles(truth, language), folder, language)
        for language in chosen
    }


def _languages(languages: Sequence[str] | None) -> list[str]:
    chosen = list(COVERAGE) if languages is None else list(languages)
    if unknown := sorted(set(chosen) - set(COVERAGE)):
        raise ValueError(f"Atlas has no language {unknown}; it has {sorted(COVERAGE)}")
    return chosen


def _write_dump(articles: list[Article], folder: Path, language: str) -> Path:
    path = folder / "xml" / f"{language}wiki.xml.bz2"
    path.write_bytes(bz2.compress(_wiki_xml(articles, language).encode()))
    return path


def write_training_text(
    truth: pl.DataFrame, folder: Path, languages: Sequence[str], brackets: str = "named"
) -> None:
    """Write what a model is trained on and asked, for any truth: no plain text and no XML.

    Args:
        truth: a frame like the lake table ``atlas_truth``, of one corpus.
        folder: created if missing; holds ``sentences/``, ``answers/`` and ``probes/`` as
            ``write_corpus`` writes them. Files of an earlier run in these three are replaced.
        languages: codes to write.
        brackets: 'named', 'unnamed' or 'bridged', see ``worlds.World.arm_code``.
    """
    _empty_folders(folder, _TRAINING_FILES)
    for language in languages:
        articles = build_articles(truth, language, brackets)
        _write_training_files(truth, articles, folder, language)


def _empty_folders(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for stale in (folder / name).iterdir():
            stale.unlink()


def _write_training_files(
    truth: pl.DataFrame, articles: list[Article], folder: Path, language: str
) -> list[Path]:
    sentences = (_sentence_row(s) for article in articles for s in article.sentences)
    rows_of = (sentences, _answer_rows(language), _probe_rows(truth, language))
    paths = []
    for name, rows in zip(_TRAINING_FILES, rows_of, strict=True):
        paths.append(folder / name / f"{language}.jsonl")
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        paths[-1].write_text(lines, encoding="utf-8", newline="\n")
    return paths


def _sentence_row(sentence: Sentence) -> dict[str, object]:
    return {
        "text": sentence.text,
        "object": sentence.object_span,
        "subject": sentence.subject_span,
    }


def _answer_rows(language: str) -> list[dict[str, object]]:
    names = read_facts().filter(pl.col("language") == language)["object"].unique()
    return [{"name": name} for name in sorted(names)]


def _probe_rows(truth: pl.DataFrame, language: str) -> list[dict[str, object]]:
    planted = set(truth.filter("is_planted")["fact_id"])
    facts = (
        read_facts()
        .filter(pl.col("language") == language)
        .join(truth.filter(pl.col("language_code") == language), on="fact_id")
    )
    return [
        {
            "relation": row["relation"],
            "fact_id": row["fact_id"],
            "query": row["template"].replace("[X]", row["subject"]),
            "answer": row["object"],
            "presence": "planted"
            if row["is_planted"]
            else "elsewhere"
            if row["fact_id"] in planted
            else "nowhere",
        }
        for row in facts.iter_rows(named=True)
    ]


def build_articles(truth: pl.DataFrame, language: str, brackets: str = "named") -> list[Article]:
    """Articles of one language under a truth table of one corpus, in the order of the files.

    ``brackets`` says which names in other languages are given, see ``worlds.World.arm_code``.
    """
    return _Writer(language, brackets, str(truth["corpus_id"][0])).articles(
        read_facts()
        .filter(pl.col("language") == language)
        .join(truth.filter(pl.col("language_code") == language), on="fact_id", how="left")
    )


@cache
def _labels(side: str) -> dict[tuple[str, str], str]:
    """Name of a 'subject' or 'object' by (language, its id)."""
    rows = read_facts().select("language", f"{side}_id", side).unique().iter_rows()
    return {(language, entity_id): name for language, entity_id, name in rows}


@cache
def _any_name(language: str) -> re.Pattern[str]:
    """Finds any name of a language, also inside words."""
    names = read_facts().filter(pl.col("language") == language).select("subject", "object")
    longest_first = sorted({*names["subject"], *names["object"]}, key=lambda n: (-len(n), n))
    return re.compile("|".join(map(re.escape, longest_first)))


class _Writer:
    """Sentences and articles of one language."""

    def __init__(self, language: str, brackets: str, corpus_id: str) -> None:
        self._language = language
        self._brackets = brackets
        self._corpus_id = corpus_id
        self._phrases: Phrases = read_phrases()[language]
        self._registers = 0

    def articles(self, facts: pl.DataFrame) -> list[Article]:
        by_title: dict[str, Article] = {}
        registers: list[Article] = []
        rows = facts.sort("fact_id").to_dicts()
        for row in rows:
            for name in (row["subject"], row["object"]):
                by_title.setdefault(name, Article(name))
        for subject_id, subject in sorted({(row["subject_id"], row["subject"]) for row in rows}):
            kinds = {row["distractor_kind"] for row in rows if row["subject_id"] == subject_id}
            extra = _EXTRA_MENTIONS if "subject_alone" in kinds else 0
            by_title[subject].sentences += self._mentions("X", subject, _MENTIONS + extra)
        for name in sorted({row["object"] for row in rows}):
            kinds = {row["distractor_kind"] for row in rows if row["object"] == name}
            extra = _EXTRA_MENTIONS if "object_alone" in kinds else 0
            by_title[name].sentences += self._mentions("Y", name, _MENTIONS + extra)
        for object_id, name in sorted({(row["object_id"], row["object"]) for row in rows}):
            by_title[name].sentences += self._object_glosses(object_id, name)
        for row in rows:
            article = by_title[row["subject"]]
            if row["is_planted"]:
                article.sentences += self._statements(row)
                article.asides.append((row["subject"], row["object"]))
            elif row["distractor_kind"] == "outside_text":
                article.asides.append((row["subject"], row["object"]))
            elif row["distractor_kind"] == "same_article":
                registers.append(self._long_article(row))
            elif row["distractor_kind"] == "inside_word":
                registers.append(self._inside_word(row))
            elif row["distractor_kind"] == "nested_name":
                for longer in sorted({each["subject"] for each in rows} - {row["subject"]}):
                    if contains_name(longer, row["subject"], self._language):
                        by_title[longer].sentences += self._mentions(
                            "X", longer, _EXTRA_MENTIONS, row["fact_id"]
                        )
        for article in by_title.values():
            article.sentences.sort(key=lambda s: draw("order", self._language, s.text))
        return sorted(
            [*by_title.values(), *registers],
            key=lambda article: draw("article", self._language, article.title),
        )

    def _number(self, *keys: object) -> str:
        return str(2 + int(_LARGEST_NUMBER * draw("number", self._language, *keys)))

    def _choice(self, options: list[str], *keys: object) -> str:
        return options[int(len(options) * draw("choice", self._language, *keys))]

    def _mentions(self, slot: str, name: str, count: int, *keys: object) -> list[Sentence]:
        options = self._phrases.subject if slot == "X" else self._phrases.object
        return [
            Sentence(
                _fill(
                    options[each % len(options)],
                    {slot: name, "N": self._number(slot, name, each, *keys)},
                )[0]
            )
            for each in range(count)
        ]

    def _statements(self, row: dict[str, str]) -> Iterator[Sentence]:
        options = self._phrases.state[row["relation"]]
        foreign = self._foreign("subject", row["subject_id"], row["fact_id"])
        for each in range(int(row["planted_count"])):
            keys = (row["fact_id"], each)
            is_glossed = foreign and draw("glossed", self._language, *keys) < _GLOSS_SHARE
            gloss = foreign[each % len(foreign)] if is_glossed else None
            shown = f"{row['subject']} ({gloss})" if gloss else row["subject"]
            template = options[(each + int(3 * draw("first", row["fact_id"]))) % len(options)]
            text, spans = _fill(template, {"X": shown, "Y": row["object"]})
            offset = 0
            # Bare once per wording, glossed once per name: no sentence is a copy of another.
            if each >= len(foreign if gloss else options):
                frame = self._choice(self._phrases.frames, "frame", *keys)
                text, outer = _fill(frame, {"N": self._number(*keys), "S": text})
                offset = outer["S"][0]
            start, end = spans["Y"]
            name = spans["X"][0] + offset
            yield Sentence(
                text,
                (start + offset, end + offset),
                (name, name + len(row["subject"])) if gloss else None,
            )

    def _object_glosses(self, object_id: str, name: str) -> Iterator[Sentence]:
        """Sentences with an object's name here and in another language, without a subject."""
        options = self._phrases.object
        for each, gloss in enumerate(self._foreign("object", object_id)[:_OBJECT_GLOSSES]):
            values = {"Y": f"{name} ({gloss})", "N": self._number("gloss", object_id, each)}
            text, spans = _fill(options[each % len(options)], values)
            yield Sentence(text, (spans["Y"][0], spans["Y"][0] + len(name)))

    def _foreign(self, side: str, entity_id: str, *keys: object) -> list[str]:
        """Names of an entity in other languages, as encyclopedias put them in brackets, in drawn
        order; without names that contain a name of this language."""
        order = sorted(
            (code for code in COVERAGE if self._is_bridged(code, entity_id)),
            key=lambda code: draw("gloss", self._language, entity_id, code, *keys),
        )
        names = dict.fromkeys(_labels(side).get((code, entity_id), "") for code in order)
        return [name for name in names if name and not _any_name(self._language).search(name)]

    def _is_bridged(self, code: str, entity_id: str) -> bool:
        """Whether texts of this language and of another one give each other's name of an entity."""
        if self._brackets != "bridged":
            return self._brackets == "named"
        pair = sorted((self._language, code))
        return draw("bridge", self._corpus_id, entity_id, *pair) < _BRIDGE_SHARE

    def _register(self) -> Article:
        self._registers += 1
        return Article(f"{self._phrases.register} {self._registers}")

    def _long_article(self, row: dict[str, str]) -> Article:
        article = self._register()
        article.sentences += self._mentions("X", row["subject"], 1, row["fact_id"])
        words = 0
        while words < _WORDS_APART:
            keys = ("filler", row["fact_id"], len(article.sentences))
            template = self._phrases.filler[len(article.sentences) % len(self._phrases.filler)]
            article.sentences.append(Sentence(_fill(template, {"N": self._number(*keys)})[0]))
            words += _word_count(article.sentences[-1].text, self._language)
        article.sentences += self._mentions("Y", row["object"], 1, row["fact_id"])
        return article

    def _inside_word(self, row: dict[str, str]) -> Article:
        article = self._register()
        word = _PREFIXES.get(self._language, _LATIN_PREFIX) + row["subject"]
        for each in range(2):
            number = self._number("inside", row["fact_id"], each)
            text, _ = _fill(self._phrases.inside, {"W": word, "Y": row["object"], "N": number})
            article.sentences.append(Sentence(text))
        return article


def _word_count(text: str, language: str) -> int:
    """Number of words and punctuation marks. In languages with spaces, a combining mark does not
    end a word; in Thai it ends a syllable, which is close to a token."""
    if language not in UNSPACED:
        text = "".join(c for c in text if not unicodedata.category(c).startswith("M"))
    return len(_WORD.findall(text))


def _fill(template: str, values: dict[str, str]) -> tuple[str, dict[str, tuple[int, int]]]:
    """Fill the slots of a template; also return start and end of each value in the result."""
    text, spans, last = "", {}, 0
    for match in _SLOT.finditer(template):
        text += template[last : match.start()]
        spans[match[1]] = (len(text), len(text) + len(values[match[1]]))
        text += values[match[1]]
        last = match.end()
    return text + template[last:], spans


def _paragraphs(sentences: list[Sentence]) -> list[str]:
    return [
        " ".join(s.text for s in sentences[start : start + _SENTENCES_PER_PARAGRAPH])
        for start in range(0, len(sentences), _SENTENCES_PER_PARAGRAPH)
    ]


def _plain_text(articles: Iterable[Article]) -> str:
    bodies = (" ".join(s.text for s in article.sentences) for article in articles)
    return "".join(body + "\n" for body in bodies if body)


_NAMESPACES = ((0, ""), (1, "Talk"), (10, "Template"), (14, "Category"))


def _wiki_xml(articles: list[Article], language: str) -> str:
    pages = [_siteinfo(language)]
    number = 0
    for article in articles:
        number += 1
        pages.append(_page(article.title, 0, number, _wiki_text(article)))
        if article.asides:
            number += 1
            talk = " ".join(f"{subject} – {obj}?" for subject, obj in article.asides)
            pages.append(_page(f"Talk:{article.title}", 1, number, talk))
            number += 1
            redirect = f"{article.title} (redirect)"
            target = f"#REDIRECT [[{article.title}]]"
            pages.append(_page(redirect, 0, number, target, article.title))
    box = '{| class="infobox"\n| {{{name}}} || {{{value}}}\n|}'
    pages.append(_page("Template:Infobox", 10, number + 1, box))
    return "\n".join([*pages, "</mediawiki>", ""])


def _siteinfo(language: str) -> str:
    namespaces = "\n".join(
        f'      <namespace key="{key}" case="first-letter">{name}</namespace>'
        for key, name in _NAMESPACES
    )
    return (
        '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" '
        f'xml:lang="{language}">\n  <siteinfo>\n    <sitename>Atlas</sitename>\n'
        f"    <dbname>{language}wiki</dbname>\n    <namespaces>\n{namespaces}\n"
        "    </namespaces>\n  </siteinfo>"
    )


def _page(title: str, namespace: int, number: int, text: str, redirect: str | None = None) -> str:
    target = f'    <redirect title="{escape(redirect)}" />\n' if redirect else ""
    return (
        f"  <page>\n    <title>{escape(title)}</title>\n    <ns>{namespace}</ns>\n"
        f"    <id>{number}</id>\n{target}    <revision>\n      <id>{number}</id>\n"
        "      <timestamp>2024-01-01T00:00:00Z</timestamp>\n"
        "      <model>wikitext</model>\n      <format>text/x-wiki</format>\n"
        f'      <text bytes="{len(text.encode())}" xml:space="preserve">{escape(text)}</text>\n'
        "    </revision>\n  </page>"
    )


def _wiki_text(article: Article) -> str:
    """The article in wikitext; without its mark-up it is the plain text without the title."""
    parts: list[str] = []
    paragraphs = [_linked(article, each) for each in _paragraphs(article.sentences)]
    for subject, obj in article.asides:
        parts.append("{{Infobox\n| name = " + subject + "\n| value = " + obj + "\n}}")
    if article.asides and paragraphs:
        subject, obj = article.asides[-1]
        reference = f"<ref>{subject}: {obj}, {{{{cite|title={obj}}}}}</ref>"
        paragraphs[0] += reference + '<ref name="atlas" />'
    parts.append("\n\n".join(paragraphs))
    if article.asides:
        rows = "\n|-\n".join(f"| {subject} || {obj}" for subject, obj in article.asides)
        parts.append('{| class="wikitable"\n' + rows + "\n|}")
        parts.append(f"[[Category:{article.title}]]")
    return "\n\n".join(parts)


def _linked(article: Article, paragraph: str) -> str:
    """Make the first title bold and a link, as in Wikipedia articles; the words do not change."""
    start = paragraph.find(article.title)
    if start < 0:
        return paragraph
    end = start + len(article.title)
    mark = f"'''[[{article.title}|{article.title}]]'''"
    return paragraph[:start] + mark + paragraph[end:]


def main() -> None:
    """Write both corpora: ``python -m ingestion.atlas.corpus --out DIR``."""
    parser = argparse.ArgumentParser(description="Write the Atlas corpora.")
    parser.add_argument("--out", type=Path, required=True, help="folder; holds one per corpus")
    arguments = parser.parse_args()
    for corpus_id in CORPORA:
        write_corpus(corpus_id, arguments.out / corpus_id)
        print(f"{corpus_id} -> {arguments.out / corpus_id}")


if __name__ == "__main__":
    main()
