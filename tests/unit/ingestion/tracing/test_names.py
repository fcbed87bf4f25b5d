"""The names of a language's facts, shared, normalised, with aliases."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ingestion.tracing import NamesError, collect_names, read_aliases

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


def test_aliases_are_read_from_any_folder_and_trimmed(tmp_path: Path) -> None:
    path = tmp_path / "it's [1] *ü" / "aliases.csv"
    path.parent.mkdir()
    text = "\ufeffalias,note,entity_id,language_code\r\n NYC ,x, Q60 ,en\r\n,,,\r\n"
    path.write_bytes(text.encode())
    assert read_aliases(path).rows() == [("en", "Q60", " NYC ")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a CSV file in UTF-8"),
        ("language_code,entity_id,alias\nde,Q1,Z\u00fcrich\n".encode("latin-1"), "in UTF-8"),
        ("language_code,entity_id,alias\nde,Q1,A\n".encode("utf-16"), "in UTF-8"),
        (b"PK\x03\x04" + b"\xff" * 50, "language_code, entity_id, alias"),
        (b"language_code,entity_id,alias\nde,Q1,a,b\n", "is not a CSV file"),
        (b'language_code,entity_id,alias\nde,Q1,"a\nde,Q2,b\n', "is not a CSV file"),
        (b"language,entity_id,alias\nde,Q1,a\n", "column 'language_code' is missing; did you mean"),
        (b"language_code,entity_id,alias, alias\nde,Q1,a,b\n", "'alias' occurs more than once"),
        (b"language_code;entity_id;alias\nde;Q1;a\n", "separated by commas"),
        (
            b"language_code,entity_id,alias\nde,Q1,A\nde,,B\nde,Q2\n",
            "2 rows are incomplete .* row 3",
        ),
    ],
)
def test_aliases_that_cannot_be_read_are_an_error(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "aliases.csv"
    path.write_bytes(content)
    with pytest.raises(NamesError, match=message):
        read_aliases(path)
