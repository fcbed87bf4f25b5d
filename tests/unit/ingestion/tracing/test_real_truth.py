"""Compared with truth: sentences of Wikipedia that are known to state a fact."""

from __future__ import annotations

import gzip
import json
import random
import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from ingestion.corpora import Document
from ingestion.tracing import Matching, TracingSettings, collect_names, count_documents, finish

pytestmark = pytest.mark.real_data


@dataclass(frozen=True)
class Truth:
    documents: list[Document]
    facts: pl.DataFrame
    """Facts, each with a wrong twin ('wrong:' before its id) that has another subject's object."""
    aliases: pl.DataFrame
    verbatim: set[str]
    """Facts one of whose sentences holds both names as words."""
    verbatim_anywhere: set[str]
    """Facts one of whose sentences holds both names, if only inside words."""


@pytest.fixture(scope="module")
def truth(real_data: Path) -> Truth:
    entries = [
        json.loads(line)
        for path in sorted((real_data / "lama_evidence").glob("P*.jsonl.gz"))
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]
    objects: dict[str, set[tuple[str, str]]] = defaultdict(set)
    true: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in entries:
        objects[entry["predicate_id"]].add((entry["obj_uri"], entry["obj_label"]))
        true[entry["predicate_id"], entry["sub_uri"]].add(entry["obj_uri"])
    rng = random.Random(0)
    documents, facts, aliases = [], [], []
    verbatim, anywhere = set(), set()
    for entry in entries:
        fact, subject, object_ = entry["uuid"], entry["sub_label"], entry["obj_label"]
        facts.append((fact, subject, object_, entry["sub_uri"], entry["obj_uri"]))
        others = objects[entry["predicate_id"]]
        wrong_id, wrong = rng.choice(
            sorted(o for o in others if o[0] not in true[entry["predicate_id"], entry["sub_uri"]])
        )
        facts.append((f"wrong:{fact}", subject, wrong, entry["sub_uri"], wrong_id))
        for index, evidence in enumerate(entry["evidences"]):
            aliases.append(("en", entry["sub_uri"], evidence["sub_surface"]))
            aliases.append(("en", entry["obj_uri"], evidence["obj_surface"]))
            text = evidence["masked_sentence"].replace("[MASK]", evidence["obj_surface"])
            text = unicodedata.normalize("NFC", text)
            documents.append(Document(f"{fact}:{index}", text))
            names = [unicodedata.normalize("NFC", name) for name in (subject, object_)]
            if all(name in text for name in names):
                anywhere.add(fact)
            if all(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in names):
                verbatim.add(fact)
    columns = ["fact_id", "subject_label", "object_label", "subject_id", "object_id"]
    return Truth(
        documents,
        pl.DataFrame(facts, schema=columns, orient="row"),
        pl.DataFrame(aliases, schema=["language_code", "entity_id", "alias"], orient="row"),
        verbatim,
        anywhere,
    )


def present(truth: Truth, matching: Matching, *, with_aliases: bool = False) -> set[str]:
    labels = truth.facts.with_columns(language_code=pl.lit("en"))
    aliases = truth.aliases if with_aliases else None
    names = collect_names(labels, "en", truth.facts, aliases)
    settings = TracingSettings(units=("article",), matching=matching)
    occurrences, _ = finish(
        count_documents(truth.documents, "en", names, settings), names, "lama", "en"
    )
    return set(occurrences.filter(pl.col("shared_count") > 0)["fact_id"])


def rates(truth: Truth, found: set[str]) -> tuple[float, float]:
    """Recall over all facts; precision among them and the same number of wrong ones."""
    right = sum(not fact.startswith("wrong:") for fact in found)
    return right / (len(truth.facts) / 2), right / len(found)


def test_every_fact_that_stands_there_verbatim_is_found(truth: Truth) -> None:
    assert len(truth.verbatim) == 9_366
    found = present(truth, "exact")
    assert truth.verbatim <= found
    recall, precision = rates(truth, found)
    assert recall == pytest.approx(0.808, abs=0.001)
    assert precision == pytest.approx(0.987, abs=0.001)


def test_substrings_find_all_that_stands_there_inside_words_too(truth: Truth) -> None:
    assert len(truth.verbatim_anywhere) == 9_418
    found = present(truth, "substring")
    assert truth.verbatim_anywhere <= found
    assert rates(truth, found)[1] < rates(truth, present(truth, "exact"))[1]


def test_aliases_find_nearly_every_fact(truth: Truth) -> None:
    recall, precision = rates(truth, present(truth, "exact", with_aliases=True))
    assert recall > 0.9999
    assert precision == pytest.approx(0.982, abs=0.001)
