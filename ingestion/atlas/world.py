"""Defines the languages, facts and sentences of Atlas, and its seeded random draws.

What belongs here: reading the frozen tables, the draws, and the definition of "this name occurs in
this text", which facts, truth and corpus share. What does not: which fact is planted where
(``truth``), the text (``corpus``), and the source of the facts (``freeze_facts``).
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl
import yaml

__all__ = [
    "CORPORA",
    "COVERAGE",
    "FACTS_FILE",
    "RELATIONS",
    "UNSPACED",
    "Phrases",
    "contains_name",
    "draw",
    "read_facts",
    "read_phrases",
]

FACTS_FILE = Path(__file__).with_name("facts.csv")
"""The frozen facts, one row per fact and language (made by ``freeze_facts``)."""
_PHRASES_FILE = Path(__file__).with_name("phrases.yml")

CORPORA = ("atlas", "atlas-twin")
"""The two corpora: the base, and a second one without some of the base's facts."""

RELATIONS = ("P17", "P30", "P37", "P38")
"""Country of a city, continent, official language and currency of a territory."""

_HIGHEST_COVERAGE, _LOWEST_COVERAGE = 0.95, 0.30
# Scripts alternate in this list, so coverage and script are not confounded.
_LANGUAGES = (
    "en", "ru", "es", "zh", "de", "ar", "fr", "ja", "uk",
    "hi", "pt", "fa", "ko", "tr", "bg", "el", "th", "he",
)  # fmt: skip
COVERAGE: dict[str, float] = {
    language: round(
        _HIGHEST_COVERAGE - (_HIGHEST_COVERAGE - _LOWEST_COVERAGE) * rank / (len(_LANGUAGES) - 1),
        3,
    )
    for rank, language in enumerate(_LANGUAGES)
}
"""Probability, per language, that a fact of a corpus is planted in the language's text."""

UNSPACED = frozenset({"zh", "ja", "th"})
"""Languages written without spaces between words, in which names have no token boundaries."""

_PARTICLES = frozenset({"ko"})


@dataclass(frozen=True)
class Phrases:
    """The sentences of one language; slots are described in ``phrases.yml``."""

    register: str
    """Title word of articles without a topic."""
    probe: dict[str, str]
    """Per relation, the cloze for probing, which never occurs in the corpus."""
    state: dict[str, list[str]]
    """Per relation, the sentences that state a fact."""
    frames: list[str]
    """Frames around a statement, with the slot [S]."""
    subject: list[str]
    """Sentences that name a subject and no object."""
    object: list[str]
    """Sentences that name an object and no subject."""
    filler: list[str]
    """Sentences that name nothing."""
    inside: str
    """A sentence with an object and a word [W] that contains a subject's name."""


@cache
def read_phrases() -> dict[str, Phrases]:
    """Read the sentences by language code, in the order of ``COVERAGE``."""
    tables = yaml.safe_load(_PHRASES_FILE.read_text(encoding="utf-8"))
    return {language: Phrases(**tables[language]) for language in COVERAGE}


@cache
def read_facts() -> pl.DataFrame:
    """Read the frozen facts: one row per language and fact, all columns text.

    Columns as for your own facts (``ingestion.facts.table``): language, relation, template,
    subject, object, fact_id, subject_id, object_id.
    """
    return pl.read_csv(FACTS_FILE, infer_schema=False)


def draw(*keys: object) -> float:
    """Draw a number in [0, 1) that depends only on the keys, not on machine or version."""
    digest = hashlib.sha256("\x1f".join(map(str, keys)).encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def contains_name(text: str, name: str, language: str) -> bool:
    """Whether a name occurs in a text, as defined in docs/method.md#tracing.

    Exact and case-sensitive. The characters before and after the name must not continue a word
    (letter, digit or combining mark). Exceptions: in languages without spaces every occurrence
    counts, and in Korean a particle may follow the name.
    """
    start = text.find(name)
    while start >= 0:
        end = start + len(name)
        is_joined = (start > 0 and _is_word_character(text[start - 1])) or (
            language not in _PARTICLES and end < len(text) and _is_word_character(text[end])
        )
        if language in UNSPACED or not is_joined:
            return True
        start = text.find(name, start + 1)
    return False


def _is_word_character(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character).startswith("M")
