"""Counts of names in text units, alone and together, with evidence (docs/method.md#tracing)."""

from __future__ import annotations

import itertools
import random
import re
from pathlib import Path

import polars as pl
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from ingestion.contract import LAKE
from ingestion.corpora import Document, Tally
from ingestion.lake import Provenance, write_part
from ingestion.tracing import (
    FactNames,
    PartialCounts,
    TracingError,
    TracingSettings,
    UnitKind,
    collect_names,
    count_documents,
    counting,
    finish,
    merge,
)
from ingestion.tracing.units import sentence_starts

ALL_UNITS: tuple[UnitKind, ...] = ("chunk", "sentence", "article")


def word_tokenizer() -> str:
    """One token per word or sign."""
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return str(tokenizer.to_str())


WORD_TOKENS = word_tokenizer()


def names_of(*facts: tuple[str, str], language: str = "en") -> FactNames:
    labels = pl.DataFrame(
        {
            "language_code": [language] * len(facts),
            "fact_id": [f"f{index:03}" for index in range(len(facts))],
            "subject_label": [subject for subject, _ in facts],
            "object_label": [object_ for _, object_ in facts],
        },
        schema=dict.fromkeys(
            ("language_code", "fact_id", "subject_label", "object_label"), pl.String
        ),
    )
    return collect_names(labels, language)


def counted(
    names: FactNames,
    *texts: str,
    settings: TracingSettings | None = None,
    language: str = "en",
) -> pl.DataFrame:
    settings = settings or TracingSettings(units=ALL_UNITS)
    documents = [Document(f"D{index}", text) for index, text in enumerate(texts)]
    counts = count_documents(documents, language, names, settings, WORD_TOKENS)
    return finish(counts, names, "c", language)[0]


def rows(frame: pl.DataFrame, unit: UnitKind) -> list[tuple[int, int, int]]:
    columns = ("subject_count", "object_count", "shared_count")
    return frame.filter(pl.col("text_unit") == unit).select(columns).rows()


def test_names_meet_in_the_unit_that_is_asked_for() -> None:
    names = names_of(("Paris", "France"), ("Bonn", "Rhine"), ("Oslo", "Norway"))
    frame = counted(
        names,
        "Paris is in France. Paris is old.",
        "Bonn is old. It lies on the Rhine.\nParis.",
    )
    assert rows(frame, "sentence") == [(3, 1, 1), (1, 1, 0), (0, 0, 0)]
    assert rows(frame, "chunk") == [(2, 1, 1), (1, 1, 1), (0, 0, 0)]
    assert rows(frame, "article") == [(2, 1, 1), (1, 1, 1), (0, 0, 0)]


def test_two_facts_that_share_names_are_counted_apart() -> None:
    names = names_of(("Paris", "France"), ("Paris", "Texas"), ("Lyon", "France"))
    frame = counted(names, "Paris, Texas.", "Paris, France.", "Lyon, France, Texas.")
    assert rows(frame, "article") == [(2, 2, 1), (2, 2, 1), (1, 2, 1)]


def test_names_inside_other_names_count_where_they_stand() -> None:
    names = names_of(("New York City", "New York"), ("York", "New York"), ("City", "York"))
    frame = counted(names, "I love New York City.", "York is old.", "A City.")
    assert rows(frame, "sentence") == [(1, 1, 1), (2, 1, 1), (2, 2, 1)]


def test_a_subject_that_is_its_own_object_meets_itself() -> None:
    frame = counted(names_of(("Luxembourg", "Luxembourg")), "Luxembourg. Luxembourg.")
    assert rows(frame, "sentence") == [(2, 2, 2)]
    assert frame["evidence_distance"].to_list() == [0, 0, 0]


def test_a_name_at_a_chunk_border_is_in_one_chunk_and_never_cut() -> None:
    settings = TracingSettings(units=("chunk",), chunk_tokens=6)
    names = names_of(("New York", "America"), ("Oslo", "America"))
    # Six tokens would end between New and York: the sentence moves to the next chunk as a whole.
    frame = counted(names, "One two three four. New York is in America.", settings=settings)
    assert rows(frame, "chunk") == [(1, 1, 1), (0, 1, 0)]
    # Longer than a chunk: cut, between words, and what the cut parts is apart.
    text = "New York lies far away from all of them and America Oslo is not found there"
    frame = counted(names, text, settings=settings)
    assert rows(frame, "chunk") == [(1, 1, 0), (1, 1, 1)]
    # The cut itself goes through the name.
    frame = counted(names, "a b c d e New York f America g h i", settings=settings)
    assert rows(frame, "chunk") == [(0, 1, 0), (0, 1, 0)]


def test_names_do_not_meet_across_documents() -> None:
    frame = counted(names_of(("New York", "York New"), ("a", "b")), "a New", "York b New", "York")
    assert rows(frame, "article") == [(0, 0, 0), (1, 1, 0)]


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_an_empty_article_counts_nothing(text: str) -> None:
    frame = counted(names_of(("a", "b")), text, "a b", text)
    assert rows(frame, "article") == [(1, 1, 1)]


def test_no_facts_and_no_text_are_no_trouble() -> None:
    assert counted(names_of(), "text").is_empty()
    assert rows(counted(names_of(("a", "b"))), "chunk") == [(0, 0, 0)]


@pytest.mark.parametrize(
    ("language", "subject", "object_", "text"),
    [
        ("zh", "东京", "日本", "他住在东京。东京是日本的首都。"),
        ("ja", "ベルリン", "ドイツ", "首都はベルリンです。ベルリンはドイツの首都。"),
        ("th", "กรุงเทพ", "ไทย", "ที่กรุงเทพมหานคร\nกรุงเทพเป็นเมืองหลวงของไทย"),
        ("ar", "بَغْدَاد", "العِرَاق", "زار بَغْدَاد أمس.\nبَغْدَاد عاصمة العِرَاق."),
    ],
)
def test_scripts_of_all_kinds_are_traced(
    language: str, subject: str, object_: str, text: str
) -> None:
    frame = counted(names_of((subject, object_), language=language), text, language=language)
    assert rows(frame, "sentence") == [(2, 1, 1)]
    assert rows(frame, "article") == [(1, 1, 1)]


def test_evidence_is_the_passage_where_both_stand_closest() -> None:
    names = names_of(("Paris", "France"))
    far = "France is big. " + "It has many towns. " * 3 + "Paris is one."
    near = "Who knows? Paris, in France, is a town! Yes."
    frame = counted(names, far, near).filter(pl.col("text_unit") == "article")
    evidence = frame.row(0, named=True)
    assert evidence["evidence_document"] == "D1"
    assert evidence["evidence_text"] == "Paris, in France, is a town!"
    assert evidence["evidence_offset"] == near.index("Paris")
    assert evidence["evidence_distance"] == len(", in ")


def test_a_long_passage_shows_both_names_and_what_is_around_them() -> None:
    text = "word " * 99 + "Paris " + "x " * 2_000 + "France " + "word " * 99
    frame = counted(names_of(("Paris", "France")), text).filter(pl.col("text_unit") == "article")
    passage = frame["evidence_text"][0]
    assert re.fullmatch(r"(word )+Paris( x)+ … (x )+France( word)+", passage)
    assert len(passage) < 1_000
    offset = frame["evidence_offset"][0]
    assert text[offset:].startswith(passage.split(" … ")[0])


def test_absent_facts_have_zeros_and_no_evidence() -> None:
    frame = counted(names_of(("a", "b"), ("c", "d")), "a", "b", "c and d")
    absent = frame.filter((pl.col("fact_id") == "f000") & (pl.col("text_unit") == "article"))
    assert absent.row(0)[4:] == (1, 1, 0, 0, None, None, None, None)


WORLD = ["Ulm", "Rom", "New York", "York", "東京", "京", "Bo", "서울"]


def random_texts(seed: int) -> list[str]:
    rng = random.Random(seed)
    parts = [*WORLD, *WORLD, "und", "Romans", "x", ". Then", ".\n", "서울은", "在東京"]
    return [" ".join(rng.choices(parts, k=rng.randint(0, 60))) for _ in range(25)]


FACTS = [(s, o) for s, o in itertools.product(WORLD, WORLD) if hash((len(s), o)) % 3][:40]


def plainly(
    texts: list[str], facts: list[tuple[str, str]], unit: UnitKind
) -> list[tuple[int, int, int]]:
    """Check each name of each fact in each text unit."""
    unspaced = set("東京서울은在")
    units = []
    for text in texts:
        starts = sentence_starts(text, "en") if unit == "sentence" else [0]
        units += [text[s:e] for s, e in zip(starts, [*starts[1:], len(text)], strict=True)]

    def stands(name: str, text: str) -> bool:
        for start in range(len(text)):
            if text.startswith(name, start):
                before, after = text[:start][-1:], text[start + len(name) :][:1]
                if name[0] in unspaced:
                    if not (name == "서울" and before in ("서", "울", "은")):
                        return True
                elif not (before.isalpha() and before not in unspaced) and not (
                    after.isalpha() and after not in unspaced
                ):
                    return True
        return False

    return [
        (
            sum(stands(subject, text) for text in units),
            sum(stands(object_, text) for text in units),
            sum(stands(subject, text) and stands(object_, text) for text in units),
        )
        for subject, object_ in facts
    ]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("unit", ["sentence", "article"])
def test_counts_are_those_of_the_plain_loop(unit: UnitKind, seed: int) -> None:
    texts = random_texts(seed)
    frame = counted(names_of(*FACTS), *texts)
    assert rows(frame, unit) == plainly(texts, FACTS, unit)


def parts_of(names: FactNames, texts: list[str], size: int) -> list[PartialCounts]:
    documents = [Document(f"D{index}", text) for index, text in enumerate(texts)]
    settings = TracingSettings(units=ALL_UNITS, chunk_tokens=20)
    parts = []
    for start in range(0, len(documents), size):
        part = count_documents(documents[start : start + size], "en", names, settings, WORD_TOKENS)
        part.tallies[f"file{start}"] = Tally(page_count=size, notes=[f"note {start}"])
        part.file_bytes[f"file{start}"] = start
        parts.append(part)
    return parts


def test_partial_counts_add_up_in_any_order_and_grouping(monkeypatch: pytest.MonkeyPatch) -> None:
    names, texts = names_of(*FACTS), random_texts(7)
    whole = finish(merge(parts_of(names, texts, 5)), names, "c", "en")
    rng = random.Random(0)
    for size in (1, 5):
        parts = parts_of(names, texts, size)
        rng.shuffle(parts)
        middle = len(parts) // 2
        merged = merge([merge(parts[middle:]), *parts[:middle]])
        again = finish(merged, names, "c", "en")
        assert again[0].equals(whole[0])
        same = ["document_count", "character_count", "chunk_count", "token_count"]
        assert again[1].select(same).equals(whole[1].select(same))
    monkeypatch.setattr(counting, "BATCH_CHARACTERS", 40)
    assert finish(merge(parts_of(names, texts, 5)), names, "c", "en")[0].equals(whole[0])


def test_counts_of_different_facts_do_not_add_up() -> None:
    one, other = (parts_of(names_of(fact), ["a b"], 1)[0] for fact in (("a", "b"), ("a", "c")))
    with pytest.raises(TracingError, match="do not add up"):
        merge([one, other])
    with pytest.raises(TracingError, match="of other names"):
        finish(one, names_of(("a", "c")), "c", "en")
    with pytest.raises(TracingError, match="no partial counts"):
        merge([])


def test_sizes_count_all_that_was_searched() -> None:
    names = names_of(("a", "b"))
    documents = [Document("D", "Eins zwei. Drei vier!"), Document("E", "日本")]
    settings = TracingSettings(units=("article",), chunk_tokens=3)
    counts = count_documents(documents, "de", names, settings, WORD_TOKENS)
    counts.tallies = {
        "x": Tally(3, 2, broken_count=1, is_truncated=True, notes=["x is cut"]),
        "y": Tally(4, 1, redirect_count=3),
    }
    counts.file_bytes = {"x": 10, "y": 20}
    (row,) = finish(counts, names, "c", "de", "hash")[1].rows(named=True)
    assert row == {
        **{"corpus_id": "c", "language_code": "de", "file_count": 2, "source_bytes": 30},
        **{"page_count": 7, "document_count": 3, "redirect_count": 3, "other_namespace_count": 0},
        **{"empty_count": 0, "broken_count": 1, "is_truncated": True, "problem_note": "x is cut"},
        **{"character_count": 23, "text_bytes": 27, "sentence_count": 3, "chunk_count": 3},
        **{"token_count": 7, "tokenizer_hash": "hash"},
    }


def test_without_a_tokenizer_tokens_are_unknown_and_chunks_refused() -> None:
    names, documents = names_of(("a", "b")), [Document("D", "a b")]
    counts = count_documents(documents, "en", names, TracingSettings(units=("article",)))
    sizes = finish(counts, names, "c", "en")[1]
    assert sizes["token_count"].to_list() == sizes["chunk_count"].to_list() == [None]
    with pytest.raises(TracingError, match="give the model's tokenizer"):
        count_documents(documents, "en", names, TracingSettings())
    with pytest.raises(TracingError, match="units are some of chunk, sentence, article"):
        count_documents(documents, "en", names, TracingSettings(units=()))


def test_rows_fit_the_lake(tmp_path: Path) -> None:
    names = names_of(("Paris", "France"), ("a", "b"))
    counts = count_documents(
        [Document("D", "Paris, France")], "en", names, TracingSettings(), WORD_TOKENS
    )
    for table, frame in zip(
        ("occurrences", "corpus_sizes"), finish(counts, names, "c", "en"), strict=True
    ):
        partition = {"corpus_id": "c", "language_code": "en"}
        made_by = Provenance.now(
            table,
            partition,
            fingerprint="f",
            code_version="1",
            duration_seconds=0.0,
            row_count=len(frame),
        )
        assert write_part(tmp_path, frame, made_by).exists()
        assert frame.columns == LAKE[table].schema.names


@pytest.mark.slow
def test_an_article_of_fifty_megabytes_is_counted() -> None:
    sentence = "Paris ist die Hauptstadt von Frankreich und eine schöne Stadt dazu. "
    text = sentence * (50_000_000 // len(sentence.encode()))
    names = names_of(("Paris", "Frankreich"), ("Frankreich", "Bonn"))
    settings = TracingSettings(units=("sentence", "article"))
    frame = counted(names, text, settings=settings, language="de")
    repeats = text.count("Paris")
    assert repeats > 700_000
    assert rows(frame, "article") == [(1, 1, 1), (1, 0, 0)]
    assert rows(frame, "sentence") == [(repeats, repeats, repeats), (repeats, 0, 0)]
    assert frame["evidence_text"][0] == sentence.strip()
