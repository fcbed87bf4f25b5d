"""The names of a language's facts, shared, normalised, with aliases."""

from __future__ import annotations

import polars as pl
import pytest

from ingestion.tracing import NamesError, collect_names

LABELS = pl.DataFrame(
    {
        "language_code": ["de", "de", "fr"],
        "fact_id": ["f2", "f1", "f1"],
        "subject_label": ["Paris", " Paris", "Paris"],
        "object_label": ["Fre\u0301jus", "Paris", "France"],
    }
)
FACTS = pl.DataFrame(
    {"fact_id": ["f1", "f2"], "subject_id": ["Q90", "Q90"], "object_id": ["Q1", "Q2"]}
)


def test_each_name_is_looked_for_once() -> None:
    names = collect_names(LABELS, "de")
    assert names.fact_ids == ("f1", "f2")
    assert names.names == ("Fréjus", "Paris")
    assert names.subject_mentions.tolist() == [0, 0]
    assert names.object_mentions.tolist() == [0, 1]


def test_aliases_belong_to_entities_and_not_to_names() -> None:
    aliases = pl.DataFrame(
        {
            "language_code": ["de", "de", "fr", "de"],
            "entity_id": ["Q90", "Q2", "Q2", "Q2"],
            "alias": ["Lutetia", "Forum Iulii", "nicht deutsch", " "],
        }
    )
    names = collect_names(LABELS, "de", FACTS, aliases)
    groups = [{names.names[i] for i in group} for group in names.mention_names]
    assert groups[names.subject_mentions[0]] == {"Paris", "Lutetia"}
    assert groups[names.object_mentions[0]] == {"Paris"}
    assert groups[names.object_mentions[1]] == {"Fréjus", "Forum Iulii"}
    assert names.digest != collect_names(LABELS, "de").digest


def test_a_language_without_facts_has_no_names() -> None:
    names = collect_names(LABELS, "en")
    assert (names.fact_ids, names.names, names.mention_names) == ((), (), ())


def test_what_does_not_fit_together_is_named() -> None:
    aliases = pl.DataFrame({"language_code": ["de"], "entity_id": ["Q90"], "alias": ["x"]})
    with pytest.raises(NamesError, match="table of facts is needed"):
        collect_names(LABELS, "de", None, aliases)
    with pytest.raises(NamesError, match=r"no column 'alias' \(they have language_code"):
        collect_names(LABELS, "de", FACTS, aliases.rename({"alias": "name"}))
    with pytest.raises(NamesError, match=r"fact 'f1' has an empty object_label"):
        collect_names(LABELS.with_columns(object_label=pl.lit(" ")), "de")
