"""mParaRel, KLAR and PopQA in exactly their published form, with their malformed rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dagster_project.study.licences import study_materials
from dagster_project.study.load import load_study
from ingestion.contract import LAKE
from ingestion.facts import FactsError, FactSource, FactsSettings, merge_facts, open_facts
from ingestion.facts.popqa import PopqaSource
from ingestion.facts.source import FACT_KINDS, FactKind
from ingestion.facts.wordings import WordedFacts, accept_wordings


def opened(kind: FactKind, path: Path, rate: float = 1.0) -> FactSource:
    return open_facts(FactsSettings(kind, path, rate))


def write(root: Path, files: Mapping[str, object]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, list):
            content = "\n".join(x if isinstance(x, str) else json.dumps(x) for x in content) + "\n"
        path.write_text(
            content if isinstance(content, str) else json.dumps(content, ensure_ascii=False),
            encoding="utf-8",
        )
    return root


def templates_of(source: FactSource, language: str) -> tuple[dict[str, str], list[tuple[Any, ...]]]:
    """Relation → template, and (relation, id, template) of the further wordings."""
    assert isinstance(source, WordedFacts)
    prompts = source.read(language).prompts
    accepted, _ = accept_wordings(language, prompts, source.wordings(language))
    first = dict(prompts.select("relation_id", "template").rows())
    return first, accepted.select("relation_id", "template_id", "template").rows()


def pattern(text: str) -> dict[str, object]:
    return {"pattern": text, "checked-by-human": False}


def fact(subject: str, obj: str, sub: str, thing: str, line: int) -> dict[str, object]:
    """A tuple as mParaRel has it."""
    keys = {"sub_uri": subject, "obj_uri": obj, "obj_label": thing, "sub_label": sub}
    return {**keys, "lineid": line}


MPARAREL = {
    "patterns/en/P36.jsonl": [
        pattern("the capital is [Y]"), pattern("[X]'s capital is [Y]"), pattern("[Y] heads [X]"),
        pattern("[X]'s capital is [Y]"),
    ],
    "patterns/af/P36.jsonl": [pattern("[X] se hoofstad is [Y]")],
    "patterns/fr/P36.jsonl": [pattern("[Y] est la capitale de [X]")],
    "tuples/en/P36.jsonl": [
        fact("Q142", "Q90", "France", "Paris", 0), fact("Q183", "Q64", "Germany", "Berlin", 2),
        {"sub_uri": "Q1", "obj_uri": "Q2", "obj_label": ["a"], "sub_label": "b", "lineid": 3},
        fact("Q142", "Q90", "France", "Paris", 9),
    ],
    # As published: a relation without patterns.
    "tuples/en/P31.jsonl": [fact("Q142", "Q6256", "France", "country", 0)],
    "tuples/af/P36.jsonl": [fact("Q142", "Q90", "Frankryk", "Parys", 0)],
}  # fmt: skip


@pytest.mark.parametrize("top", ["", "data/mpararel_reviewed/"])
def test_mpararel_has_the_same_facts_in_all_languages_and_several_templates(
    tmp_path: Path, top: str
) -> None:
    write(tmp_path, {top + name: content for name, content in MPARAREL.items()})
    source = opened("mpararel", tmp_path / top)
    # There are no tuples in French.
    assert source.languages() == ("af", "en")
    english, afrikaans = source.read("en"), source.read("af")
    assert english.facts.rows() == [
        ("P36-Q142-Q90", "P36", "Q142", "Q90"), ("P36-Q183-Q64", "P36", "Q183", "Q64"),
    ]  # fmt: skip
    assert afrikaans.fact_labels.rows() == [("af", "P36-Q142-Q90", "Frankryk", "Parys", False)]
    assert merge_facts({"en": english.facts, "af": afrikaans.facts}).height == 2
    assert templates_of(source, "en") == (
        {"P36": "[X]'s capital is [Y]"}, [("P36", "2", "[Y] heads [X]")],
    )  # fmt: skip
    rejected = english.rejected_rows.select("source_file", "line_number", "reason").rows()
    assert rejected == [
        ("patterns/en/P36.jsonl", 1, "template has no [X] (the subject's slot)"),
        ("tuples/en/P36.jsonl", 3, "obj_label is a list instead of a string"),
        (
            "tuples/en/P36.jsonl", 4,
            "fact P36-Q142-Q90 again; first in tuples/en/P36.jsonl line 1",
        ),
    ]  # fmt: skip


def test_mpararel_without_tuples_and_with_too_many_bad_lines_is_named(tmp_path: Path) -> None:
    write(tmp_path, MPARAREL)
    with pytest.raises(FactsError, match=r"3 of 6 lines of language 'en' are rejected \(50"):
        opened("mpararel", tmp_path, 0.01).read("en")
    write(tmp_path / "other", {"patterns/en/P36.jsonl": [pattern("[X] [Y]")]})
    with pytest.raises(FactsError, match=r"no tuples/<language>/<relation>\.jsonl"):
        opened("mpararel", tmp_path / "other")


def sample(subject: str, obj: str, index: object, **english: str) -> dict[str, object]:
    return {"subject": subject, "object": obj, "index": index, **english}


KLAR = {
    "en/capital.json": {
        "relation_name": "capital",
        "prompt_templates": [
            "The capital of <subject> is", "The capital of <subject> is <mask>.",
            "<subject> has the capital <MASK>.",
        ],
        "samples": [sample("France", "Paris", 0), sample("Peru", "Lima", 1)],
    },
    "ja/capital.json": {
        "prompt_templates": ["<subject>の首都は<mask>。", 7],
        "samples": [
            sample("ペルー", "リマ", 1, subject_en="Peru", object_en="Lima"),
            sample("フランス", "パリ", 0), {"subject": "x", "index": 3}, sample("y", "z", None), 5,
        ],
    },
}  # fmt: skip


def test_klar_identifies_facts_by_index_and_names_them_in_english(tmp_path: Path) -> None:
    source = opened("klar", write(tmp_path / "klar", KLAR))
    english, japanese = source.read("en"), source.read("ja")
    assert english.facts.rows() == [
        ("klar-capital-0", "capital", "France", "Paris"),
        ("klar-capital-1", "capital", "Peru", "Lima"),
    ]
    assert japanese.facts.equals(english.facts)
    assert japanese.fact_labels.row(1) == ("ja", "klar-capital-1", "ペルー", "リマ", False)
    assert templates_of(source, "en") == (
        {"capital": "The capital of [X] is [Y]."},
        [("capital", "2", "[X] has the capital [Y].")],
    )
    assert english.rejected_rows.row(0)[1:4] == (
        "en/capital.json", 1, "template has no [Y] (the object's slot)",
    )  # fmt: skip
    # Two templates come first, so the third sample is item 5; the second template is a wording's.
    assert japanese.rejected_rows.select("line_number", "reason").rows() == [
        (5, "object is null instead of a string"),
        (6, "index is null instead of a whole number"),
        (7, "not a JSON object but a number"),
    ]
    assert isinstance(source, WordedFacts)
    _, rejected = accept_wordings("ja", japanese.prompts, source.wordings("ja"))
    assert rejected.select("line_number", "reason").rows() == [
        (2, "the template is a number instead of a string")
    ]


@pytest.mark.parametrize(
    ("english", "own", "reasons"),
    [
        ({"index": [0]}, {}, ["index is a list instead of a whole number", None]),
        ({"index": 10**30}, {}, ["index is a number instead of a whole number", None]),
        ({"subject": None}, {}, ["subject is null instead of a string", None]),
        ({"subject": 5}, {}, ["subject is a number instead of a string", None]),
        ({}, {"subject_en": 5}, [None, "subject_en is a number instead of a string"]),
        ({}, {"object_en": ["x"]}, [None, "object_en is a list instead of a string"]),
        ({}, {"subject_en": None}, [None, None]),
    ],
)
def test_a_name_of_klar_that_is_no_text_identifies_nothing(
    tmp_path: Path, english: dict[str, object], own: dict[str, object], reasons: list[str | None]
) -> None:
    files = {
        f"{code}/capital.json": {
            "prompt_templates": ["<subject> <mask>"],
            "samples": [sample(f"{code}0", f"{code}1", 0) | changed],
        }
        for code, changed in (("en", english), ("de", own))
    }
    source = opened("klar", write(tmp_path, files))
    for code, reason in zip(("en", "de"), reasons, strict=True):
        found = source.read(code)
        assert found.rejected_rows["reason"].to_list() == [reason] * (reason is not None)
        is_named = code == "en" or reasons[0] is None
        expected = ("klar-capital-0", "capital", *(["en0", "en1"] if is_named else ["de0", "de1"]))
        assert found.facts.rows() == [expected] * (reason is None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "en/capital.json is not a file of KLAR: not valid JSON"),
        ("[]", "it holds a list instead of an object"),
        ('{"samples": []}', "'prompt_templates' is null instead of a list. Found: samples"),
    ],
)
def test_a_file_that_is_not_of_klar_is_named(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(FactsError, match=message):
        opened("klar", write(tmp_path, {"en/capital.json": content})).read("en")


POPQA = (
    "id", "subj", "prop", "obj", "subj_id", "prop_id", "obj_id", "s_aliases", "o_aliases", "s_uri",
    "o_uri", "s_wiki_title", "o_wiki_title", "s_pop", "o_pop", "question", "possible_answers",
)  # fmt: skip


def popqa(folder: Path, *rows: tuple[str, str, str, str, str], extra: str = "") -> Path:
    """A file as pandas writes it; rows are subject, relation, object, views and question."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(POPQA)
    for number, (subject, prop, obj, views, question) in enumerate(rows, 1):
        site = "http://www.wikidata.org/entity"
        writer.writerow([
            str(4_000_000 + number), subject, prop, obj, "1", "22", "3", '["a ""b"""]', "[]",
            f"{site}/Q{number}", f"{site}/Q{number}0", subject, obj, views, "25.0", question,
            json.dumps([obj, "other name"]),
        ])  # fmt: skip
    path = folder / "test.tsv"
    path.write_text(text.getvalue() + extra, encoding="utf-8")
    return path


def test_popqa_becomes_templates_and_keeps_its_popularity(tmp_path: Path) -> None:
    path = popqa(
        tmp_path,
        ("George Rankin", "occupation", "politician", "142", "What is George Rankin's occupation?"),
        ("is", "occupation", "poet", "7", "What is is's occupation?"),
        ("Lima", "capital of", "Peru", "", "What is Lima the capital of?"),
        ("Ann", "occupation", "judge", "3", "What does Ann do?"),
        ('The "X"', "favourite tea", "mint", "1e3", 'Which tea does The "X" like?'),
        extra="4000009\tonly three\tfields\n",
    )
    source = opened("popqa", path)
    found = source.read("en")
    assert found.facts.rows()[:2] == [
        ("popqa-4000001", "P106", "Q1", "Q10"), ("popqa-4000002", "P106", "Q2", "Q20"),
    ]  # fmt: skip
    assert dict(found.prompts.select("relation_id", "template").rows()) == {
        "P106": "Q: What is [X]'s occupation? A: [Y]",
        "P1376": "Q: What is [X] the capital of? A: [Y]",
        "favourite_tea": "Q: Which tea does [X] like? A: [Y]",
    }
    assert found.fact_labels.row(3)[2:4] == ('The "X"', "mint")
    assert found.rejected_rows.select("line_number", "reason").rows() == [
        (5, "question does not fit the relation's template 'Q: What is [X]'s occupation? A: [Y]'"),
        (7, "3 fields instead of 17"),
    ]
    assert isinstance(source, PopqaSource)
    views = source.popularity()
    assert views.columns == LAKE["fact_popularity"].schema.names
    assert [row[1:] for row in views.rows()] == [
        (142, 25),
        (7, 25),
        (None, 25),
        (3, 25),
        (None, 25),
    ]


@pytest.mark.parametrize("digits", [19, 25, 5_000])
def test_views_that_are_no_number_of_the_lake_are_null(tmp_path: Path, digits: int) -> None:
    path = popqa(
        tmp_path,
        ("George Rankin", "occupation", "judge", "9" * digits, "What is George Rankin's job?"),
        ("Ann", "occupation", "judge", "9" * 18, "What is Ann's job?"),
    )
    source = opened("popqa", path)
    assert isinstance(source, PopqaSource)
    assert source.popularity()["subject_view_count"].to_list() == [None, 10**18 - 1]


def test_a_file_that_is_not_of_popqa_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("id\tsubject\tprop\n", encoding="utf-8")
    with pytest.raises(FactsError, match="'subj' is missing; did you mean 'subject'"):
        opened("popqa", path)
    path.write_text("\t".join([*POPQA, "subj "]) + "\n", encoding="utf-8")
    with pytest.raises(FactsError, match="'subj' occurs more than once"):
        opened("popqa", path)
    with pytest.raises(FactsError, match="cannot read"):
        opened("popqa", tmp_path / "y.tsv")


@pytest.mark.parametrize("kind", FACT_KINDS)
def test_every_kind_of_facts_has_a_line_in_the_materials(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.yml").write_text(
        f"name: a\nfacts: {{kind: {kind}, path: x}}\nmodels: [{{id: m, source: ./m}}]\n"
    )
    assert study_materials(load_study(str(tmp_path / "a.yml")))[0].title
