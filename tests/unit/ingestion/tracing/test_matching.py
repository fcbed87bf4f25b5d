"""Names in text: every occurrence, with the token boundaries of each script."""

from __future__ import annotations

import random
import unicodedata

import numpy as np
import pytest

from ingestion.tracing import Engine, Matcher, Matching, words
from ingestion.tracing import matching as matching_module


def found(
    names: list[str], text: str, matching: Matching = "exact", engine: Engine = "polars"
) -> list[tuple[int, str]]:
    matches = Matcher(names, matching, engine).find(text)
    pairs = [(s, names[n]) for s, n in zip(matches.starts, matches.names, strict=True)]
    if matching != "casefold":
        spans = zip(matches.starts, matches.ends, pairs, strict=True)
        assert all(text[start:end] == name for start, end, (_, name) in spans)
    return pairs


def is_found(name: str, text: str, matching: Matching = "exact") -> bool:
    return bool(found([name], text, matching))


def test_nested_names_are_all_found() -> None:
    names = ["New York", "York", "New York City", "City"]
    assert found(names, "In New York City.") == [
        (3, "New York"),
        (3, "New York City"),
        (7, "York"),
        (12, "City"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "is_there"),
    [
        ("Rom", "Roman", False),
        ("Rom", "in Rom.", True),
        ("Rom", "Prorom Rom", True),
        ("rom", "Prorom", False),
        ("Rom", "Rom's", True),
        ("Rom", "(Rom)", True),
        ("Rom", "Rom-Paris", True),
        ("Rom", "Rom2", False),
        ("3M", "13M", False),
        ("C++", "C++ is", True),
        ("C", "C++ is", True),
        (".NET", "the .NET way", True),
        ("é", "café", False),
        ("Москва", "Москвабад", False),
        ("दिल्ली", "दिल्ली में", True),
        ("दिल", "दिल्ली", False),
        ("कि", "किताब", False),
        # No spaces between words: anywhere.
        ("东京", "他在东京工作", True),
        ("ベルリン", "ベルリンは首都", True),
        ("กรุงเทพ", "ในกรุงเทพมหานคร", True),
        ("ລາວ", "ປະເທດລາວນີ້", True),
        ("មាស", "នៅមាសនេះ", True),
        ("တိုကျို", "သည်တိုကျိုမြို့", True),
        # ... but not inside a letter with its marks.
        ("กร", "กริ่ง", False),
        # Mixed scripts: each edge by its own character.
        ("IBM", "在IBM工作", True),
        ("IBM", "在IBMX工作", False),
        ("T恤", "穿T恤衫", True),
        ("T恤", "XT恤", False),
        ("A型", "血液A型の", True),
        # Hangul: a particle may follow, a prefix may not stand before.
        ("서울", "서울은 수도", True),
        ("서울", "남서울", False),
        # Arabic: another letter or a vowel mark makes another word.
        ("محمد", "قال محمد.", True),
        ("محمد", "محمدي", False),
        ("محمد", "مُحَمَّد", False),
        ("محمد", "محمدٌ", False),
        ("مُحَمَّد", "قال مُحَمَّد.", True),
        ("ایران", "ایران\u200cها", False),
    ],
)
def test_a_name_stands_at_the_borders_its_script_has(name: str, text: str, is_there: bool) -> None:
    assert is_found(name, text) is is_there
    assert is_found(name, text, "substring") is (name in text)


@pytest.mark.parametrize("name", ["a.*b", "(x)", "[Y]", "^$", "a|b", "\\d+", "$1", "{2}", "?"])
def test_a_name_is_no_pattern(name: str) -> None:
    assert found([name], f"so {name} it is, aab x Y 42") == [(3, name)]


def test_case_counts_unless_it_is_folded() -> None:
    assert not is_found("berlin", "Berlin")
    assert found(["berlin", "BERLIN"], "in Berlin", "casefold") == [(3, "berlin"), (3, "BERLIN")]
    assert not is_found("rom", "Roman", "casefold")


def test_folding_that_changes_the_length_keeps_the_place() -> None:
    text = "STRASSE ß Straße İzmir ﬁn Rom"
    names = ["Straße", "Rom", "izmir", "FIN"]
    matches = Matcher(names, "casefold").find(text)
    spans = [
        (text[s:e], names[n])
        for s, e, n in zip(matches.starts, matches.ends, matches.names, strict=True)
    ]
    assert spans == [("STRASSE", "Straße"), ("Straße", "Straße"), ("ﬁn", "FIN"), ("Rom", "Rom")]


def test_combining_characters_are_found_in_one_normal_form_only() -> None:
    decomposed = unicodedata.normalize("NFD", "Málaga")
    assert is_found("Málaga", f"in {unicodedata.normalize('NFC', decomposed)}.")
    assert not is_found("Ma", f"in {decomposed}.")


def test_nothing_is_found_in_nothing() -> None:
    assert found(["x"], "") == []
    assert found([], "text") == []
    assert found(["absent"], "text") == []


ALPHABETS = ["ab ", "ab ก\u0e34-", "a\u0301b日 ", "aé日 ", "กิa ", "서울a ", "aA ß.", "مَح "]


def plainly(names: list[str], text: str, matching: Matching) -> list[tuple[int, int, int]]:
    """Check every name at every position, one character at a time, by the written rule."""

    def kind(character: str) -> str:
        if not character:
            return "other"
        if character in "\u00ad\u200c\u200d" or unicodedata.category(character)[0] == "M":
            return "mark"
        if unicodedata.category(character)[0] not in "LN":
            return "other"
        script = unicodedata.name(character).split()[0]
        return {"CJK": "free", "THAI": "free", "HANGUL": "hangul"}.get(script, "spaced")

    found = []
    for index, name in enumerate(names):
        for start in range(len(text) - len(name) + 1):
            end = start + len(name)
            if text[start:end] != name:
                continue
            before, after = text[start - 1 : start] if start else "", text[end : end + 1]
            base = name.rstrip("".join(c for c in set(name) if kind(c) == "mark")) or name
            thai_mark = kind(before) == "mark" and unicodedata.name(before).startswith("THAI")
            touches = kind(before) == "spaced" or (kind(before) == "mark" and not thai_mark)
            joins = (
                (kind(name[0]) == "spaced" and touches)
                or kind(name[0]) == kind(before) == "hangul"
                or kind(base[-1]) == kind(after) == "spaced"
                or kind(after) == "mark"
            )
            if matching == "substring" or not joins:
                found.append((start, end, index))
    return sorted(found)


@pytest.mark.parametrize("matching", ["exact", "substring"])
@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize("engine", ["polars", "hyperscan"])
def test_random_text_gives_what_the_plain_loop_gives(
    engine: Engine, alphabet: str, matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "hyperscan":
        pytest.importorskip("hyperscan", reason="the extra 'match' is not installed")
    rng = random.Random(alphabet)
    for _ in range(30):
        drawn = {"".join(rng.choices(alphabet, k=rng.randint(1, 4))) for _ in range(8)}
        names = sorted(name for name in drawn if name.strip())
        text = "".join(rng.choices(alphabet, k=60))
        # Names and words at the borders of blocks; an automaton for few names and for many.
        monkeypatch.setattr(words, "_BLOCK", rng.choice([5, 17, 60, 100]))
        monkeypatch.setattr(matching_module, "_FEW", rng.choice([0, 16]))
        matches = Matcher(names, matching, engine).find(text)
        ours = np.stack([matches.starts, matches.ends, matches.names], axis=1).tolist()
        assert sorted(map(tuple, ours)) == plainly(names, text, matching), (names, text)


def test_hyperscan_finds_the_same_with_case_folded() -> None:
    pytest.importorskip("hyperscan", reason="the extra 'match' is not installed")
    text = "Straße STRASSE İzmir Rom ROMAN rom 東京Rom"
    names = ["straße", "ROM", "Izmir", "東京"]
    assert found(names, text, "casefold", "hyperscan") == found(names, text, "casefold")


def test_a_name_is_found_once_although_two_of_its_words_are_looked_up() -> None:
    """Of the second name, "Peter" is the longest word, and both are 15 characters long."""
    assert found(["Peter Kropotkin", "Peter Abc De Fg"], "Peter Kropotkin") == [
        (0, "Peter Kropotkin")
    ]


def test_a_name_at_the_end_of_a_document_is_found_once() -> None:
    """Also where a longer name begins with the same word: what separates documents is code 0."""
    names = ["New York", "New Yorks", "New Yorker X"]
    found = Matcher(names).find("New York\0\0\0\0New Yorks\0of New York")
    assert list(zip(found.starts, found.ends, found.names, strict=True)) == [
        (0, 8, 0),
        (12, 21, 1),
        (25, 33, 0),
    ]
