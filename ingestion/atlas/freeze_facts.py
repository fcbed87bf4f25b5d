"""Writes the frozen Atlas facts: real facts of Unicode CLDR, read with Babel, to ``facts.csv``.

Run ``python -m ingestion.atlas.freeze_facts`` to write the table again; only this needs Babel. What
belongs here: which CLDR facts are used, and why the others are not.

The rules, in the order in which they are applied:

* Territories are sovereign states. Dependencies and contested territories are listed below and
  left out.
* P37 (official language): only territories with exactly one language that CLDR calls official or
  de facto official. Regional official languages are not counted. A territory with two official
  languages has no fact.
* P38 (currency): only territories with exactly one current legal tender in CLDR.
* P30 (continent): the first part of the territory's time zones (Africa, America, Asia,
  Australia/Pacific = Oceania, Europe). Territories with several continents or an ocean in their
  zones are left out, and so are those on two continents. The Americas are one continent here.
* P17 (country of a city): the exemplar city of a time zone and the zone's territory. Ocean zones
  (islands, stations), zones of contested cities and zones without a city are left out. In Latin
  script CLDR omits a city's name if it equals the zone's name; then the last part of the zone is
  the city ('America/Argentina/Rio_Gallegos' gives 'Rio Gallegos'). In other scripts a fact without
  a name is left out.
* A label must be a plain name in every language: no brackets, commas, digits or slashes. Subject
  and object have at most 3 words, and the object has no punctuation.
* A fact must be visible from the names alone. So it is left out in all languages if in any language
  one of its names contains the other (Guatemala City), two entities share a name, or names that
  occur together would state another fact (Guinea inside Equatorial Guinea).
* P38 is left out in languages whose currency names contain the country's name (Persian, Japanese,
  Korean, Thai, Turkish, Chinese), because the object's name alone would state the fact. The
  relation then has no file in these languages, as happens in mLAMA.
* No object is the answer to more than a fifth of its relation. For P30, with five objects, each is
  the answer to exactly a fifth. Blind guessing is then right in 20 %, so P30 is the guessing
  control.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from babel import Locale
from babel.core import get_global

from ingestion.atlas.world import (
    COVERAGE,
    FACTS_FILE,
    contains_name,
    draw,
    read_phrases,
)

__all__ = ["freeze", "main"]

_DEPENDENCIES = frozenset({
    "AC", "AI", "AQ", "AS", "AW", "AX", "BL", "BM", "BQ", "BV", "CC", "CK", "CP", "CW", "CX", "DG",
    "EA", "FO", "GF", "GG", "GI", "GL", "GP", "GS", "GU", "HK", "HM", "IC", "IM", "IO", "JE", "KY",
    "MF", "MO", "MP", "MQ", "MS", "NC", "NF", "NU", "PF", "PM", "PN", "PR", "RE", "SH", "SJ", "SX",
    "TA", "TC", "TF", "TK", "UM", "VG", "VI", "WF", "YT",
})  # fmt: skip
_CONTESTED = frozenset({"CY", "EH", "FK", "PS", "TW", "XK"})
_ON_TWO_CONTINENTS = frozenset({"AM", "AZ", "EG", "GE", "ID", "KZ", "RU", "TR"})
_CONTESTED_CITIES = frozenset({"Asia/Jerusalem", "Europe/Simferopol", "Asia/Urumqi"})
_NO_CITIES = frozenset(
    {"America/Noronha", "Asia/Kamchatka", "Asia/Sakhalin", "Australia/Lord_Howe"}
)
_LATIN = frozenset({"de", "en", "es", "fr", "pt", "tr"})
_CONTINENTS = {
    "Africa": "002",
    "America": "019",
    "Asia": "142",
    "Europe": "150",
    "Pacific": "009",
    "Australia": "009",
}
_FACT_COUNTS = {"P17": 105, "P30": 55, "P37": 55, "P38": 60}
# In these languages the name of a currency contains the name of its country.
_LEFT_OUT = {"P38": frozenset({"fa", "ja", "ko", "th", "tr", "zh"})}
_NOT_PLAIN = re.compile(r"[\d()\[\]{},;:/＋+，（）、·]")
_LONGEST_LABEL = 26


@dataclass(frozen=True)
class _Fact:
    """One candidate: a relation between two CLDR entities."""

    relation: str
    """Wikidata property."""
    subject: tuple[str, str]
    """Kind and CLDR code, such as ('territory', 'AR')."""
    object: tuple[str, str]
    """Kind and CLDR code, such as ('language', 'es')."""

    @property
    def fact_id(self) -> str:
        """Identifier: the relation and both CLDR codes."""
        return f"CLDR:{self.relation}:{self.subject[1]}:{self.object[1]}"

    @property
    def languages(self) -> list[str]:
        """Languages in which the fact exists."""
        return [code for code in COVERAGE if code not in _LEFT_OUT.get(self.relation, ())]


def _territories() -> list[str]:
    excluded = _DEPENDENCIES | _CONTESTED
    return sorted(
        code for code in get_global("territory_zones") if len(code) == 2 and code not in excluded
    )


def _candidates() -> Iterator[_Fact]:
    """All facts of CLDR under the rules, before their names are checked."""
    territories = _territories()
    zones = get_global("territory_zones")
    for code in territories:
        official = [
            language
            for language, entry in get_global("territory_languages").get(code, {}).items()
            if entry["official_status"] in ("official", "de_facto_official")
        ]
        if len(official) == 1 and "_" not in official[0]:
            yield _Fact("P37", ("territory", code), ("language", official[0]))
        tenders = [
            currency
            for currency, _, end, is_tender in get_global("territory_currencies").get(code, [])
            if end is None and is_tender
        ]
        if len(tenders) == 1:
            yield _Fact("P38", ("territory", code), ("currency", tenders[0]))
        areas = {zone.split("/")[0] for zone in zones[code]}
        continents = {_CONTINENTS.get(area) for area in areas}
        continent = next(iter(continents))
        if len(continents) == 1 and continent and code not in _ON_TWO_CONTINENTS:
            yield _Fact("P30", ("territory", code), ("territory", continent))
        for zone in sorted(zones[code]):
            is_city = zone.split("/")[0] in _CONTINENTS and not zone.startswith("Pacific/")
            if is_city and zone not in _CONTESTED_CITIES | _NO_CITIES:
                yield _Fact("P17", ("zone", zone), ("territory", code))


def _label(entity: tuple[str, str], language: str) -> str | None:
    kind, code = entity
    locale = Locale.parse({"zh": "zh_Hans"}.get(language, language))
    if kind == "zone":
        city: str | None = locale.time_zones.get(code, {}).get("city")
        is_own_name = city is None and language in _LATIN
        return code.split("/")[-1].replace("_", " ") if is_own_name else city
    tables = {
        "territory": locale.territories,
        "language": locale.languages,
        "currency": locale.currencies,
    }
    label: str | None = tables[kind].get(code)
    return label


def _is_plain(label: str | None, is_object: bool) -> bool:
    if not label or _NOT_PLAIN.search(label) or len(label.split()) > 3:
        return False
    has_punctuation = any(unicodedata.category(character)[0] in "PS" for character in label)
    return len(label) <= _LONGEST_LABEL and not (is_object and has_punctuation)


class _Selection:
    """Facts accepted so far, with their names in every language."""

    def __init__(self) -> None:
        self.facts: list[_Fact] = []
        self.labels: dict[tuple[str, str], dict[str, str]] = {}
        self.answers: Counter[tuple[str, tuple[str, str]]] = Counter()

    def offer(self, fact: _Fact) -> None:
        """Accept the fact unless its relation is full or its names would make the truth unclear."""
        wanted = _FACT_COUNTS[fact.relation]
        held = sum(other.relation == fact.relation for other in self.facts)
        if held == wanted or self.answers[fact.relation, fact.object] >= wanted // 5:
            return
        labels: dict[tuple[str, str], dict[str, str]] = {}
        for entity, is_object in ((fact.subject, False), (fact.object, True)):
            names = {language: _label(entity, language) for language in fact.languages}
            if not all(_is_plain(name, is_object) for name in names.values()):
                return
            labels[entity] = {language: str(name) for language, name in names.items()}
        if all(self._is_clear(fact, labels, language) for language in fact.languages):
            self.facts.append(fact)
            for entity, table in labels.items():
                self.labels[entity] = self.labels.get(entity, {}) | table
            self.answers[fact.relation, fact.object] += 1

    def _is_clear(
        self, fact: _Fact, new: dict[tuple[str, str], dict[str, str]], language: str
    ) -> bool:
        names = {
            entity: table[language]
            for entity, table in (self.labels | new).items()
            if language in table
        }
        if any(
            name == names[mine] and entity != mine
            for mine in (fact.subject, fact.object)
            for entity, name in names.items()
        ):
            return False
        # An article contains the names of its subject and objects. They may state its own facts and
        # no others, and none of its names may contain another.
        facts = [each for each in (*self.facts, fact) if language in each.languages]
        articles: dict[tuple[str, str], set[tuple[str, str]]] = {}
        for each in facts:
            articles.setdefault(each.subject, {each.subject}).add(each.object)
        holders = {
            entity: {
                other
                for other, name in names.items()
                if names[entity] in name and contains_name(name, names[entity], language)
            }
            for entity in {each.subject for each in facts} | {each.object for each in facts}
        }
        for each in facts:
            others = (holders[each.subject] | holders[each.object]) - {each.subject, each.object}
            for subject, article in articles.items():
                if subject == each.subject:
                    if holders[each.subject] & article != {each.subject}:
                        return False
                    if holders[each.object] & article != {each.object}:
                        return False
                elif others and holders[each.subject] & article and holders[each.object] & article:
                    return False
        text = " ".join(_all_phrases(language))
        return not any(
            contains_name(text, names[entity], language) for entity in (fact.subject, fact.object)
        )


def _all_phrases(language: str) -> list[str]:
    phrases = read_phrases()[language]
    statements = [text for texts in phrases.state.values() for text in texts]
    return [
        phrases.register,
        *phrases.probe.values(),
        *statements,
        *phrases.frames,
        *phrases.subject,
        *phrases.object,
        *phrases.filler,
        phrases.inside,
    ]


def freeze() -> list[dict[str, str]]:
    """Build the rows of ``facts.csv``, sorted by language, relation and fact.

    Raises:
        ValueError: the installed CLDR gives another number of facts of a relation.
    """
    selection = _Selection()
    for fact in sorted(_candidates(), key=lambda fact: draw("freeze", fact.fact_id)):
        selection.offer(fact)
    counts = Counter(fact.relation for fact in selection.facts)
    if counts != _FACT_COUNTS:
        raise ValueError(
            f"CLDR gives {dict(counts)} facts under the rules, expected {_FACT_COUNTS}; "
            "reduce the counts in _FACT_COUNTS or install Babel 2.18."
        )
    return [
        {
            "language": language,
            "relation": fact.relation,
            "template": read_phrases()[language].probe[fact.relation],
            "subject": selection.labels[fact.subject][language],
            "object": selection.labels[fact.object][language],
            "fact_id": fact.fact_id,
            "subject_id": f"CLDR:{fact.subject[0]}:{fact.subject[1]}",
            "object_id": f"CLDR:{fact.object[0]}:{fact.object[1]}",
        }
        for language in sorted(COVERAGE)
        for fact in sorted(selection.facts, key=lambda fact: (fact.relation, fact.fact_id))
        if language in fact.languages
    ]


def main() -> None:
    """Write ``facts.csv`` into the folder of this module."""
    rows = freeze()
    with FACTS_FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows):,} rows, {len(rows) // len(COVERAGE)} facts -> {FACTS_FILE.name}")


if __name__ == "__main__":
    main()
