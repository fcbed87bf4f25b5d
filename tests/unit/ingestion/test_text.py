"""One normal form of names and text, in every format of facts and corpora."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from ingestion.facts import FactsSettings, open_facts
from ingestion.facts.source import FactKind, LanguageFacts
from ingestion.text import names_left_out, normal_column, normal_name, normal_text
from ingestion.tracing import collect_names

NAMES = {
    " Paris": "Paris",
    "Paris\t": "Paris",
    "Paris\u200e": "Paris",
    "\ufeffParis\u00a0": "Paris",
    "Paris\u200b ": "Paris",
    "Louis\u00a0XIV": "Louis XIV",
    "Louis  XIV": "Louis XIV",
    "Louis\n\x1cXIV": "Louis XIV",
    "Kansas\u200e, Oklahoma": "Kansas, Oklahoma",
    "Ber\u00adlin": "Berlin",
    "Zu\u0308rich": "Zürich",
    "Baden\u2011Baden": "Baden-Baden",
    "Par\u200bis": "Paris",
    "Pa\x7fris\x08 ": "Pa ris",
    "葛\U000e0100城": "葛城",
    # Joiners show in Persian and Indic scripts, but not at the edge of a word.
    "می\u200cخواهم": "می\u200cخواهم",
    "\u200cصحنة\u200c، \u200dب\u200c \u200cب": "صحنة، ب ب",
    "Jandhyala\u200c": "Jandhyala",
    "A\u200c.\u200c.": "A..",
    # After a virama they do.
    "সার্ত্র্\u200c": "সার্ত্র্\u200c",
    "\u200e \u00a0": "",
}
RIGHT = ("Zürich", "Louis XIV", "[X] is in [Y] .")
ODD = ("Zu\u0308rich\u200e", "Louis\u00a0\u00a0XIV ", "\ufeff[X]  is\u00a0in [Y] .")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_has_one_normal_form_in_python_and_in_polars(name: str) -> None:
    assert normal_name(name) == NAMES[name]
    assert pl.Series([name]).to_frame("n").select(normal_column(pl.col("n"))).item() == NAMES[name]


def test_a_text_keeps_its_lines() -> None:
    text = "Louis\u00a0 XIV\r\nZu\u0308\u200erich\rend\u2028last\0line"
    assert normal_text(text) == "Louis XIV\nZürich\nend\nlast line"


def _read(folder: Path, kind: FactKind, labels: tuple[str, str, str]) -> LanguageFacts:
    subject, object_, template = labels
    path = folder
    if kind == "mlama":
        (folder / "en").mkdir()
        fact = {"uuid": "1", "sub_uri": "s", "obj_uri": "o"}
        fact |= {"sub_label": subject, "obj_label": object_}
        (folder / "en" / "P1.jsonl").write_text(json.dumps(fact))
        prompt = {"relation": "P1", "template": template}
        (folder / "en" / "templates.jsonl").write_text(json.dumps(prompt))
    elif kind == "bmlama":
        prompt_text = template.replace("[X]", subject).replace("[Y]", "<mask>")
        head = "Prompt\tAns\tCandidate Ans\tSubject\n"
        row = f"{prompt_text.strip(chr(0xFEFF))}\t{object_}\t\t{subject}\n"
        (folder / "en.tsv").write_text(head + row + row, encoding="utf-8")
    else:
        path = folder / "facts.csv"
        rows = [["en", "P1", template, subject, object_]]
        columns = ["language", "relation", "template", "subject", "object"]
        pl.DataFrame(rows, columns, orient="row").write_csv(path)
    return open_facts(FactsSettings(kind, path, 0.0)).read("en")


@pytest.mark.parametrize("kind", ["mlama", "bmlama", "table"])
def test_every_format_of_facts_is_normal_and_says_what_was_not(
    tmp_path: Path, kind: FactKind
) -> None:
    for name, labels, is_changed in (("odd", ODD, True), ("right", RIGHT, False)):
        (tmp_path / name).mkdir()
        found = _read(tmp_path / name, kind, labels)
        row = found.fact_labels.row(0, named=True)
        assert (row["subject_label"], row["object_label"]) == RIGHT[:2]
        assert row["is_label_changed"] is is_changed
        (prompt,) = found.prompts.rows(named=True)
        assert prompt["template"] == RIGHT[2]
        # BMLAMA has no templates: they are made of prompts in normal form.
        assert prompt["is_template_changed"] is (is_changed and kind != "bmlama")


def test_labels_and_aliases_are_searched_in_normal_form() -> None:
    labels = pl.DataFrame(
        {"language_code": "en", "fact_id": "f", "subject_label": "A", "object_label": "B"}
    )
    facts = pl.DataFrame({"fact_id": ["f"], "subject_id": ["s"], "object_id": ["o"]})
    aliases = pl.DataFrame(
        {"language_code": "en", "entity_id": ["s", "s"], "alias": ["C\u00a0 D\u200e", "\u200e"]}
    )
    assert collect_names(labels, "en", facts, aliases).names == ("A", "B", "C D")


def test_the_facts_of_atlas_are_in_normal_form() -> None:
    path = Path(__file__).parents[3] / "ingestion" / "atlas" / "facts.csv"
    frame = pl.read_csv(path, infer_schema=False)
    assert frame.equals(frame.with_columns(normal_column(pl.all())))


def test_joiners_that_show_stay_inside_a_name() -> None:
    for name in ("क्\u200dष", "می\u200cخواهم", "👩\u200d👧"):
        assert normal_name(name) == name
        assert pl.select(normal_column(pl.lit(name))).item() == name
        assert normal_text(name) == name


def test_names_that_nothing_is_known_of_are_listed_with_the_misspelt_ones_first() -> None:
    counts = {"fr": 9, "de": 8, "P361": 7, "EN": 1, "P 36": 2, "Pariss": 1, "zu": 1}
    assert names_left_out(counts, ["en", "P36", "Paris"]) == (
        "'P 36' (did you mean 'P36'?), 'EN' (did you mean 'en'?), 'fr', 'de', 'P361' and 2 others"
    )
    assert names_left_out({}, ["en"]) == ""
