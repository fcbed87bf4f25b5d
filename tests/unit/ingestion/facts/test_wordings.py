"""Further templates: the three formats in which people have them, and which lines are accepted."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import polars as pl
import pytest

from ingestion.atlas.world import read_facts, read_phrases
from ingestion.contract import LAKE
from ingestion.facts.source import FactsError, as_table
from ingestion.facts.wordings import AtlasWordings, accept_wordings, open_wordings

PROMPTS = as_table(
    pl.DataFrame(
        {
            "language_code": "en",
            "relation_id": ["P36", "P30"],
            "template": ["The capital of [X] is [Y] .", "[X] is in [Y] ."],
            "is_template_changed": False,
        }
    ),
    "prompts",
)
CSV = """\
language,relation,template
en,P36,[Y] is the capital of [X] .
en,P36,The  capital of [X] is [Y] .
en,P30,"[X], which is on [Y]"
de,P36,[X] hat als Hauptstadt [Y] .
en,P36,The seat of [X] is there .
en,P99,[X] of another relation [Y]
en,P36,[X] has [Y] as its capital .
en,P36,[Y] is the capital of [X] .
,P36,[X] no language [Y]
en,P36,"an open quote [X] [Y]
"""


def read(path: Path, language: str = "en") -> tuple[list[tuple[object, ...]], list[object]]:
    """Accepted rows without the language, and (file, line, reason) of the rejected ones."""
    accepted, rejected = accept_wordings(language, PROMPTS, open_wordings(path).read(language))
    assert accepted.schema == pl.Schema(LAKE["wordings"].schema)
    assert rejected.schema == pl.Schema(LAKE["rejected_wordings"].schema)
    assert set(accepted["language_code"]) | set(rejected["language_code"]) <= {language}
    places = rejected.select("source_file", "line_number", "reason").rows()
    return accepted.drop("language_code").rows(), places


def test_a_csv_is_numbered_per_relation_and_its_other_lines_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "w.csv"
    path.write_text(CSV, encoding="utf-8")
    accepted, rejected = read(path)
    assert accepted == [
        ("P30", "2", "[X], which is on [Y]", False),
        ("P36", "2", "[Y] is the capital of [X] .", False),
        ("P36", "3", "[X] has [Y] as its capital .", False),
    ]
    assert rejected == [
        ("w.csv", 3, "the template of the facts, which is asked in any case"),
        ("w.csv", 6, "template has no [Y] (the object's slot)"),
        ("w.csv", 9, "the template again; first in w.csv line 2"),
        ("w.csv", 10, "language is empty"),
        ("w.csv", 11, "not a CSV row on one line: unexpected end of data"),
    ]
    assert read(path, "de")[0] == [("P36", "2", "[X] hat als Hauptstadt [Y] .", False)]
    assert read(path, "fr") == ([], [])


def test_a_csv_can_name_its_wordings(tmp_path: Path) -> None:
    path = tmp_path / "w.csv"
    rows = ["en,P36,question,What is the capital of [X] ? [Y]", "en,P36,1,[X] : [Y]"]
    rows += ["en,P36,question,Q [X] A [Y]", "en,P30,question,Where is [X] ? [Y]"]
    path.write_text("\n".join(["language,relation,template_id,template", *rows]), encoding="utf-8")
    accepted, rejected = read(path)
    assert [row[:2] for row in accepted] == [("P30", "question"), ("P36", "question")]
    assert rejected == [
        ("w.csv", 3, "template_id '1' is that of the facts' own template"),
        ("w.csv", 4, "template_id 'question' again; first in w.csv line 2"),
    ]


def pattern(text: str) -> str:
    """A line as mParaRel has it."""
    return json.dumps({"pattern": text, "checked-by-human": False})


@pytest.mark.parametrize("is_zipped", [False, True])
def test_patterns_of_mpararel_are_read_from_a_folder_or_a_zip(
    tmp_path: Path, is_zipped: bool
) -> None:
    files = {
        "patterns/en/P36.jsonl": [pattern("[Y] is the capital of [X]"), pattern("[X] has [Y]")],
        "patterns/en/P30.jsonl": ['{"pattern": 3}', pattern("[X] lies on [Y]")],
        "patterns/zh-hans/P36.jsonl": [pattern("[X]的首都是[Y]")],
        "tuples/en/P36.jsonl": ["{}"],
    }
    path = tmp_path / ("mpararel.zip" if is_zipped else "mpararel")
    if is_zipped:
        with zipfile.ZipFile(path, "w") as archive:
            for name, lines in files.items():
                archive.writestr(f"data/{name}", "\n".join(lines) + "\n")
    else:
        for name, lines in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    accepted, rejected = read(path)
    assert [row[:3] for row in accepted] == [
        ("P30", "2", "[X] lies on [Y]"),
        ("P36", "2", "[Y] is the capital of [X]"),
        ("P36", "3", "[X] has [Y]"),
    ]
    assert rejected == [("en/P30.jsonl", 1, "pattern is a number instead of a string")]
    assert [row[2] for row in read(path, "zh")[0]] == ["[X]的首都是[Y]"]
    if not is_zipped:
        assert read(path / "patterns") == (accepted, rejected)


def test_prompts_of_x_factr_are_read_and_those_that_need_a_grammar_are_listed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "TREx_prompts.csv"
    lines = [
        "pid,relation,en,el,nl,,",
        "P36,capital,[Y] is the seat of [X] .,[DEF;X] [X.Nom] έχει [Y.Acc] .,,,",
        'P30,"continent, or part",[X] lies on [Y] .,[X.Nom] — [Y.Gen] .,"[X], in ""[Y]""",,',
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert [row[:3] for row in read(path)[0]] == [
        ("P30", "2", "[X] lies on [Y] ."), ("P36", "2", "[Y] is the seat of [X] ."),
    ]  # fmt: skip
    accepted, rejected = read(path, "el")
    assert [row[:3] for row in accepted] == [("P30", "2", "[X] — [Y] .")]
    assert rejected == [
        ("TREx_prompts.csv", 2, "the mark [DEF;X] needs a grammar: write a template without it")
    ]
    # The relation has no prompt in Dutch: nothing is wrong with the line.
    assert read(path, "nl") == ([("P30", "2", '[X], in "[Y]"', False)], [])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"language,relation,templat\nen,P36,x", "column 'template' is missing\n"),
        (b"language,relation,template,template,note\n", "column 'note' is unknown"),
        (b"language,relation,template,template\n", "column 'template' occurs more than once"),
        (b"language,relation,template,,\n", "a column has no name"),
        (b"pid,relation,en,de,en\nP36,capital,a,b,c", "column 'en' occurs more than once"),
        (b"\xff\xfe", "is not a CSV file in UTF-8"),
        (None, "cannot read"),
    ],
)
def test_a_file_of_no_format_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "w.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FactsError, match=message):
        open_wordings(path)


def test_a_folder_without_patterns_is_named(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "P36.jsonl").write_text("{}")
    with pytest.raises(FactsError, match=r"no patterns/<language>/<relation>\.jsonl"):
        open_wordings(tmp_path)


def test_what_a_language_depends_on_is_its_own_lines(tmp_path: Path) -> None:
    path = tmp_path / "w.csv"
    path.write_text(CSV, encoding="utf-8")
    before = {code: open_wordings(path).digest(code) for code in ("en", "de")}
    path.write_text(CSV.replace("hat als", "hat"), encoding="utf-8")
    after = {code: open_wordings(path).digest(code) for code in ("en", "de")}
    assert before["en"] == after["en"]
    assert before["de"] != after["de"]


def test_atlas_is_asked_with_the_sentences_that_state_its_facts() -> None:
    facts = read_facts()
    for language in read_phrases():
        own = facts.filter(pl.col("language") == language).unique("relation")
        prompts = own.select(
            language_code="language", relation_id="relation", template="template",
            is_template_changed=False,
        )  # fmt: skip
        accepted, rejected = accept_wordings(language, prompts, AtlasWordings().read(language))
        assert rejected.is_empty(), language
        names = [f"statement-{number}" for number in (1, 2, 3)]
        assert accepted["template_id"].to_list() == names * own.height
