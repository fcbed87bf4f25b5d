"""BMLAMA's TSV files: derived relations, templates and identifiers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.facts import FactsError, FactSource, FactsSettings, open_facts

HEADER = "Prompt\tAns\tCandidate Ans\tSubject"


def row(sentence: str, subject: str, obj: str) -> str:
    return f"{sentence.format(subject)}\t{obj}\tx, {obj}\t{subject}"


BORN = "{} was born in <mask>."
LOCATED = "{} is located in <mask>."
ENGLISH = [
    row(BORN, "Ann", "Paris"),
    row(BORN, "Bob", "Rome"),
    row(LOCATED, "Chad", "Africa"),
    row(LOCATED, "Peru", "America"),
    row("{} is developed by <mask>.", "Perl", "Wall"),
    row(LOCATED, "Bonn", "Germany"),
    row(LOCATED, "Lyon", "France"),
    row("{} likes <mask>.", "Tom", "tea"),
    row("{} likes <mask>.", "Tim", "milk"),
]
GERMAN = [
    row("{} kam in <mask> zur Welt.", "Anna", "Paris"),
    row("{} kam in <mask> zur Welt.", "Bob", "Rom"),
    row("{} liegt auf <mask>.", "Tschad", "Afrika"),
    row("{} liegt auf <mask>.", "Peru", "Amerika"),
    row("<mask> macht {}.", "Perl", "Wall"),
    row("{} liegt in <mask>.", "Bonn", "Deutschland"),
    row("{} liegt in <mask>.", "Lyon", "Frankreich"),
    row("{} mag <mask>.", "Tom", "Tee"),
    row("{} mag <mask>.", "Tim", "Milch"),
]


def open_bmlama(root: Path, rate: float = 1.0, **files: list[str]) -> FactSource:
    root.mkdir(parents=True, exist_ok=True)
    for language, rows in files.items():
        text = "\n".join([HEADER, *rows]) + "\n"
        (root / f"{language}.tsv").write_text(text, encoding="utf-8")
    return open_facts(FactsSettings("bmlama", root, rate))


def test_relations_are_found_by_template_and_order(tmp_path: Path) -> None:
    """'is located in' before 'is developed by' is P30, after it P131: LAMA's order."""
    facts = open_bmlama(tmp_path, 0.0, en=ENGLISH).read("en").facts
    assert facts["relation_id"].to_list() == [
        *("P19", "P19", "P30", "P30", "P178", "P131", "P131", "likes", "likes")
    ]


def test_rows_of_one_number_are_one_fact_in_all_languages(tmp_path: Path) -> None:
    source = open_bmlama(tmp_path, 0.0, en=ENGLISH, de=GERMAN)
    english, german = source.read("en"), source.read("de")
    assert source.languages() == ("de", "en")
    assert english.facts.equals(german.facts)
    assert german.facts.row(0) == ("bmlama-00001", "P19", "Ann", "Paris")
    assert german.fact_labels.row(2) == ("de", "bmlama-00003", "Tschad", "Afrika", False)


def test_quotes_around_a_cell_are_the_file_s(tmp_path: Path) -> None:
    german = [*GERMAN]
    german[0] = '"""Anna"" kam in <mask> zur Welt."\t"נאט""ו"\tx\t"""Anna"""'
    german[1] = '12" kam in <mask> zur Welt.\tRom\tx\t12"'
    german[3] = '"Peru liegt auf <mask>.\tAmerika\tx\tPeru'
    read = open_bmlama(tmp_path, 1.0, en=ENGLISH, de=german).read("de")
    labels = read.fact_labels.select("subject_label", "object_label").rows()
    assert labels[:3] == [('"Anna"', 'נאט"ו'), ('12"', "Rom"), ("Tschad", "Afrika")]
    # A quote that opens nothing costs its own row alone.
    assert read.rejected_rows["line_number"].to_list() == [5]


@pytest.mark.parametrize(
    "header",
    [
        HEADER + "\tUnnamed",
        "Index\t" + HEADER,
        "Prompt\tAns\tOdd\tCandidate Ans\tSubject",
        "Index\t" + HEADER + "\tUnnamed",
        HEADER.replace("Prompt", '"Prompt"').replace("\tSubject", "\t Subject "),
    ],
)
def test_a_header_that_differs_from_its_columns_costs_nothing(tmp_path: Path, header: str) -> None:
    right = open_bmlama(tmp_path / "a", 0.0, en=ENGLISH, de=GERMAN).read("de")
    source = open_bmlama(tmp_path / "b", 0.0, en=ENGLISH, de=GERMAN)
    path = tmp_path / "b" / "de.tsv"
    path.write_text(path.read_text("utf-8").replace(HEADER, header), encoding="utf-8")
    found = source.read("de")
    assert found.fact_labels.equals(right.fact_labels)
    assert found.prompts.equals(right.prompts)


def test_templates_are_the_prompts_without_their_subjects(tmp_path: Path) -> None:
    prompts = open_bmlama(tmp_path, 0.0, en=ENGLISH, de=GERMAN).read("de").prompts
    assert dict(prompts.select("relation_id", "template").rows()) == {
        "P19": "[X] kam in [Y] zur Welt.",
        "P30": "[X] liegt auf [Y].",
        "P131": "[X] liegt in [Y].",
        "P178": "[Y] macht [X].",
        "likes": "[X] mag [Y].",
    }


def test_a_subject_that_stands_in_the_prompt_twice_is_taken_where_it_belongs(
    tmp_path: Path,
) -> None:
    english = [row(BORN, name, "Paris") for name in ("a", "in", "Ann", "Bob", "mask", "Y")]
    read = open_bmlama(tmp_path, 0.0, en=english).read("en")
    assert read.prompts["template"].to_list() == ["[X] was born in [Y]."]
    assert read.facts["relation_id"].to_list() == ["P19"] * 6


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("Anna kam\tParis", "2 fields instead of 4"),
        ("Anna kam zur Welt.\tParis\tx\tAnna", "prompt has <mask> 0 times"),
        ("Anna <mask> <mask>.\tParis\tx\tAnna", "prompt has <mask> 2 times"),
        ("Anna kam in <mask> zur Welt.\tParis\tx\tBert", "the subject does not stand in the"),
        ("Anna kam in <mask> zur Welt.\tParis\tx\t ", "subject label is empty"),
        ("Anna kam in <mask> zur Welt.\t \tx\tAnna", "object label is empty"),
        ("Anna [X] <mask> .\tParis\tx\tAnna", "prompt holds a literal [X] or [Y]"),
        ("Anna war in <mask>.\tParis\tx\tAnna", "prompt does not fit the relation's template"),
    ],
)
def test_a_bad_row_is_listed_and_the_rows_after_it_keep_their_facts(
    tmp_path: Path, bad: str, reason: str
) -> None:
    german = [*GERMAN[:1], bad, *GERMAN[2:]]
    third = row("{} kam in <mask> zur Welt.", "Carl", "Ulm")
    english = [*ENGLISH[:2], row(BORN, "Carl", "Ulm"), *ENGLISH[2:]]
    source = open_bmlama(tmp_path, en=english, de=[*german[:2], third, *german[2:]])
    read = source.read("de")
    ((file, line, why),) = read.rejected_rows.select("source_file", "line_number", "reason").rows()
    assert (file, line) == ("de.tsv", 3)
    assert why.startswith(reason)
    assert read.fact_labels.height == 9
    assert read.facts.filter(fact_id="bmlama-00004")["subject_id"].item() == "Chad"


def test_a_bad_english_row_takes_its_fact_from_every_language(tmp_path: Path) -> None:
    source = open_bmlama(tmp_path, en=["broken", *ENGLISH[1:]], de=GERMAN)
    reasons = source.read("de").rejected_rows["reason"].to_list()
    assert reasons == ["line 2 of en.tsv, which gives the relation, is rejected"]


def test_an_odd_english_sentence_does_not_cut_its_relation_in_two(tmp_path: Path) -> None:
    odd = row("{} came from <mask>.", "Carl", "Ulm")
    source = open_bmlama(tmp_path, en=[ENGLISH[0], odd, *ENGLISH[1:]])
    read = source.read("en")
    assert read.facts["relation_id"].to_list()[:2] == ["P19", "P19"]
    assert read.rejected_rows["line_number"].to_list() == [3]


def test_files_of_unequal_length_are_an_error(tmp_path: Path) -> None:
    source = open_bmlama(tmp_path, en=ENGLISH, de=GERMAN[:-1])
    with pytest.raises(FactsError, match=r"de\.tsv ends in line 9, en\.tsv in line 10"):
        source.read("de")


def test_the_digest_covers_the_english_file_too(tmp_path: Path) -> None:
    before = open_bmlama(tmp_path / "1", en=ENGLISH, de=GERMAN)
    after = open_bmlama(tmp_path / "2", en=[*ENGLISH[:-1], "x"], de=GERMAN)
    assert before.digest("de") != after.digest("de")
    top = open_bmlama(tmp_path / "3" / "BMLAMA17", en=ENGLISH, de=GERMAN)
    above = open_facts(FactsSettings("bmlama", tmp_path / "3", 0.0))
    assert above.digest("de") == top.digest("de") == before.digest("de")


def test_missing_columns_and_a_missing_english_file_are_clear_errors(tmp_path: Path) -> None:
    (tmp_path / "de.tsv").write_text(HEADER + "\n")
    with pytest.raises(FactsError, match=r"no en\.tsv"):
        open_facts(FactsSettings("bmlama", tmp_path, 0.0))
    (tmp_path / "en.tsv").write_text("Prompts\tAns\tCandidate Ans\n")
    source = open_facts(FactsSettings("bmlama", tmp_path, 0.0))
    with pytest.raises(FactsError, match=r"'Prompt' is missing; did you mean 'Prompts'\?"):
        source.read("en")
