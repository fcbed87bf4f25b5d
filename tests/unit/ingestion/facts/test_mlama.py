"""mLAMA's layout: what becomes a fact, what is rejected and why, and what is refused."""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest

from ingestion.contract import LAKE
from ingestion.facts import FactsError, FactSource, FactsSettings, LanguageFacts, open_facts

Files = Mapping[str, bytes]


def fact(key: str, subject: str = "Chad", obj: str = "N'Djamena", **more: object) -> str:
    record = {"sub_uri": f"S{key}", "obj_uri": f"O{key}", "obj_label": obj, "sub_label": subject}
    return json.dumps(record | {"lineid": 0, "uuid": key} | more)


def lines(*texts: str | bytes) -> bytes:
    return b"".join((t if isinstance(t, bytes) else t.encode()) + b"\n" for t in texts)


TEMPLATES = lines(
    '{"relation": "P36", "template": "The capital of [X] is [Y] ."}',
    '{"relation": "P37", "template": "[X] speaks [Y] ."}',
)
GOOD: Files = {
    "de/templates.jsonl": TEMPLATES,
    "de/P36.jsonl": lines(fact("b"), fact("a", " Tschad ", "N’Djamena")),
    "en/templates.jsonl": TEMPLATES,
    "en/P36.jsonl": lines(fact("a"), fact("b")),
    "en/P37.jsonl": lines(fact("c")),
}


def as_folder(root: Path, files: Files) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def as_zip(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zip_file:
        for name, content in files.items():
            zip_file.writestr(name, content)
    return path


def open_mlama(path: Path, max_rejected_rate: float = 1.0) -> FactSource:
    return open_facts(FactsSettings("mlama", path, max_rejected_rate))


@pytest.fixture
def read_english(tmp_path: Path) -> Callable[..., LanguageFacts]:
    def read(*fact_lines: str | bytes, templates: bytes = TEMPLATES) -> LanguageFacts:
        files = {"en/templates.jsonl": templates, "en/P36.jsonl": lines(*fact_lines)}
        return open_mlama(as_folder(tmp_path / "data", files)).read("en")

    return read


def test_a_language_becomes_the_tables_of_the_contract(tmp_path: Path) -> None:
    german = open_mlama(as_zip(tmp_path / "m.zip", GOOD)).read("de")
    assert german.facts.rows() == [("a", "P36", "Sa", "Oa"), ("b", "P36", "Sb", "Ob")]
    assert german.prompts.rows() == [
        ("de", "P36", "The capital of [X] is [Y] .", False),
        ("de", "P37", "[X] speaks [Y] .", False),
    ]
    for name in ("facts", "fact_labels", "prompts", "rejected_rows"):
        assert getattr(german, name).schema == pl.Schema(LAKE[name].schema)


def test_labels_are_in_normal_form(tmp_path: Path) -> None:
    german = open_mlama(as_zip(tmp_path / "m.zip", GOOD)).read("de")
    assert german.fact_labels.row(0) == ("de", "a", "Tschad", "N’Djamena", True)


@pytest.mark.parametrize("top", ["", "mlama1.1/"])
def test_zip_and_folder_with_or_without_a_top_folder_agree(tmp_path: Path, top: str) -> None:
    files = {top + name: content for name, content in GOOD.items()}
    zipped = open_mlama(as_zip(tmp_path / "m.zip", files))
    unpacked = open_mlama(as_folder(tmp_path / "m", files))
    bare = open_mlama(as_folder(tmp_path / "bare", GOOD))
    assert zipped.languages() == unpacked.languages() == bare.languages() == ("de", "en")
    for language in ("de", "en"):
        assert zipped.digest(language) == unpacked.digest(language) == bare.digest(language)
        for one, other in zip(
            vars(zipped.read(language)).values(),
            vars(unpacked.read(language)).values(),
            strict=True,
        ):
            assert one.equals(other)


def test_the_order_of_files_does_not_matter(tmp_path: Path) -> None:
    names = list(GOOD)
    random.Random(7).shuffle(names)
    one = open_mlama(as_zip(tmp_path / "1.zip", GOOD))
    other = open_mlama(as_zip(tmp_path / "2.zip", {name: GOOD[name] for name in names}))
    assert one.digest("en") == other.digest("en")
    assert one.read("en").fact_labels.equals(other.read("en").fact_labels)


def test_a_digest_changes_with_its_language_only(tmp_path: Path) -> None:
    changed = dict(GOOD) | {"en/P37.jsonl": lines(fact("c", "Mali"))}
    before = open_mlama(as_folder(tmp_path / "1", GOOD))
    after = open_mlama(as_folder(tmp_path / "2", changed))
    assert before.digest("de") == after.digest("de")
    assert before.digest("en") != after.digest("en")


def test_stray_folders_and_files_are_ignored(tmp_path: Path) -> None:
    stray = {
        "README": b"x",
        "LICENSE.jsonl": b"x",
        "mlama1.1/notes.jsonl": b"x",
        "mlama1.1/pictures/a.png": b"x",
        "mlama1.1/en/.DS_Store": b"x",
        "mlama1.1/en/backup/P36.jsonl": b"x",
        "mlama1.1/.git/x.jsonl": b"x",
        "__MACOSX/mlama1.1/en/._P36.jsonl": b"x",
    }
    files = stray | {f"mlama1.1/{name}": content for name, content in GOOD.items()}
    for path in (as_zip(tmp_path / "m.zip", files), as_folder(tmp_path / "m", files)):
        source = open_mlama(path, 0.0)
        assert source.languages() == ("de", "en")
        assert source.read("en").fact_labels.height == 3


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"uuid": "z", ', "not valid JSON"),
        ('["a", "b"]', "not a JSON object but a list"),
        ("null", "not a JSON object but null"),
        ('"uuid"', "not a JSON object but a string"),
        (fact("z") + fact("y"), "not valid JSON"),
        ('{"uuid": "z", "sub_uri": "Q1", "sub_label": "x"}', "key missing: obj_uri, obj_label"),
        (fact("z", sub_label=5), "sub_label is a number instead of a string"),
        (fact("z", obj_label=None), "obj_label is null instead of a string"),
        (fact("z", obj_uri=["Q1"]), "obj_uri is a list instead of a string"),
        (fact("z", sub_uri={}), "sub_uri is an object instead of a string"),
        (fact("z", uuid=True), "uuid is true or false instead of a string"),
        (fact("z", " \t"), "subject label is empty"),
        (fact("z", obj="\u3000"), "object label is empty"),
        (fact("z", uuid=""), "fact identifier is empty"),
        (fact("z", sub_uri=" "), "subject identifier is empty"),
        (fact("z", obj_uri=""), "object identifier is empty"),
        (fact("a"), "fact a again; first in en/P36.jsonl line 1"),
        (fact("z", "Köln").encode("utf-8").replace(b"\\u00f6", b"\xf6"), "not valid UTF-8 at byte"),
        (fact("z").replace("Chad", "\\ud800"), "not valid JSON"),
    ],
)
def test_a_bad_line_is_listed_with_its_place_and_reason(
    read_english: Callable[..., LanguageFacts], line: str | bytes, reason: str
) -> None:
    english = read_english(fact("a"), "", line, fact("b"))
    assert english.facts["fact_id"].to_list() == ["a", "b"]
    (rejected,) = english.rejected_rows.rows(named=True)
    assert (rejected["source_file"], rejected["line_number"]) == ("en/P36.jsonl", 3)
    assert rejected["reason"].startswith(reason)
    shown = line if isinstance(line, str) else line.decode(errors="replace")
    assert rejected["line_text"] == shown


def test_the_text_of_a_rejected_line_is_cut_after_500_characters(
    read_english: Callable[..., LanguageFacts],
) -> None:
    english = read_english("é" * 3000)
    assert english.rejected_rows["line_text"].item() == "é" * 500


def test_a_bad_line_does_not_make_a_later_good_one_a_repeat(
    read_english: Callable[..., LanguageFacts],
) -> None:
    english = read_english(fact("a", ""), fact("a"), fact("a"))
    assert english.rejected_rows["line_number"].to_list() == [1, 3]
    assert english.rejected_rows["reason"].to_list()[1].endswith("en/P36.jsonl line 2")


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("The capital is [Y].", "template has no [X]"),
        ("The capital of [X].", "template has no [Y]"),
        ("[X] [X] [Y]", "template has [X] 2 times"),
        ("[X] [Y] [Y] [Y]", "template has [Y] 3 times"),
        ("  ", "template is empty"),
    ],
)
def test_a_bad_template_is_listed_and_so_are_its_facts(
    read_english: Callable[..., LanguageFacts], template: str, reason: str
) -> None:
    templates = lines(json.dumps({"relation": "P36", "template": template}))
    english = read_english(fact("a"), templates=templates)
    assert english.prompts.is_empty()
    assert english.fact_labels.is_empty()
    of_fact, of_template = english.rejected_rows["reason"].to_list()
    assert of_template.startswith(reason)
    assert of_fact == "relation P36 has no usable template in 'en'"


def test_the_first_good_template_of_a_relation_stays(
    read_english: Callable[..., LanguageFacts],
) -> None:
    templates = lines(
        '{"relation": "P36", "template": "[X]"}',
        '{"relation": "P36", "template": "[X]: [Y]"}',
        '{"relation": "P36", "template": "[X] = [Y]"}',
        '{"relation": 36, "template": "[X] = [Y]"}',
    )
    english = read_english(fact("a"), templates=templates)
    assert english.prompts["template"].to_list() == ["[X]: [Y]"]
    assert english.rejected_rows.select("line_number", "reason").rows() == [
        (1, "template has no [Y] (the object's slot)"),
        (3, "template of relation P36 again; first in en/templates.jsonl line 2"),
        (4, "relation is a number instead of a string"),
    ]


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    files = {
        name: b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n") for name, content in GOOD.items()
    }
    files["en/P37.jsonl"] += b"broken\r\n"
    english = open_mlama(as_folder(tmp_path, files)).read("en")
    assert english.fact_labels.height == 3
    assert english.rejected_rows["line_text"].to_list() == ["broken"]


def test_every_line_ends_up_in_exactly_one_place(tmp_path: Path) -> None:
    """Random damage: accepted, rejected and blank lines add up, and good lines are unchanged."""
    rng = random.Random(3)
    originals = [fact(f"{n:04d}", f"subject {n}", "ö") for n in range(400)]
    damaged, harmed = [], 0
    for line in originals:
        kind = rng.randrange(4)
        if kind == 0:
            line, harmed = line[: rng.randrange(1, len(line) - 1)], harmed + 1
        elif kind == 1:
            damaged.append("")
        damaged.append(line)
    files = {"en/templates.jsonl": TEMPLATES, "en/P36.jsonl": lines(*damaged)}
    english = open_mlama(as_folder(tmp_path, files)).read("en")
    assert english.rejected_rows.height == harmed > 0
    assert english.fact_labels.height == len(originals) - harmed
    kept = {line for line in damaged if line in set(originals)}
    assert set(english.fact_labels["fact_id"]) == {json.loads(line)["uuid"] for line in kept}


def test_too_many_bad_lines_are_an_error_that_shows_the_worst_file(tmp_path: Path) -> None:
    files = {
        "en/templates.jsonl": TEMPLATES,
        "en/P36.jsonl": lines(fact("a"), "{"),
        "en/P37.jsonl": lines(fact("b"), "{bad", "[]"),
    }
    path = as_folder(tmp_path, files)
    assert open_mlama(path, 3 / 7).read("en").rejected_rows.height == 3
    with pytest.raises(FactsError) as error:
        open_mlama(path, 0.4).read("en")
    message = str(error.value)
    assert "3 of 7 lines of language 'en' are rejected (42.9%; the study allows 40.0%)" in message
    assert "Worst file: en/P37.jsonl (2 lines)" in message
    assert "en/P37.jsonl:2: not valid JSON" in message
    assert "{bad" in message
    assert "P36" not in message


def test_an_unknown_language_names_near_ones(tmp_path: Path) -> None:
    source = open_mlama(as_folder(tmp_path, GOOD))
    for ask in (source.read, source.digest):
        with pytest.raises(FactsError, match="no language 'eng'; did you mean 'en'"):
            ask("eng")


def test_a_folder_without_mlama_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(FactsError, match=r"no <language>/templates\.jsonl was found"):
        open_mlama(tmp_path)


def test_two_copies_in_one_folder_are_not_mixed(tmp_path: Path) -> None:
    files = {f"{top}/{name}": content for name, content in GOOD.items() for top in ("v1", "v2")}
    with pytest.raises(FactsError, match=r"several folders \('v1/', 'v2/'\)"):
        open_mlama(as_folder(tmp_path, files))
