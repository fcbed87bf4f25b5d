"""A made-up lake of the published study's size, for benchmarks.

What belongs here: facts, names, answers and the search of the text, in the published number of
languages and with the published number of right answers in each. What does not: neurons
(``synthetic_neurons``), and what is measured on the lake.

Popular facts are right in many languages and stand in more texts; a quarter of the names give their
object away; neurons belong in part to the fact. So every join has real work, every null something
to show, and all five roots come out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from ingestion.contract import LAKE
from ingestion.lake import Provenance, write_part
from tests.benchmarks.synthetic_neurons import NeuronTables
from tests.helpers.tiny_lake import Row, corpus_size, language, model, write_lake

PROJECT = Path(__file__).resolve().parents[2]

__all__ = ["CORPUS", "MODELS", "SyntheticLake"]

Draw = np.random.Generator
Whole = npt.NDArray[np.int64]

CORPUS = "wikipedia"
MODELS = ("mbert", "xlmr-large")
_SHAPES = {"mbert": (12, 3072), "xlmr-large": (24, 4096)}
"""Layers and neurons per layer."""
_SOURCES = {
    "mbert": "google-bert/bert-base-multilingual-cased",
    "xlmr-large": "FacebookAI/xlm-roberta-large",
}
"""Where such models come from: by this the published figures find them."""
_RELATIONS = 41
_VOCABULARY = 100_000


@dataclass(frozen=True)
class SyntheticLake:
    """The size of a study, and the lake that has it."""

    facts: int = 37_535
    """Distinct facts."""
    held: int = 843_143
    """Pairs of language and fact: what each model answers, and what is searched for."""
    matched: int = 75_000
    """Facts right per model, all languages together."""
    attributed: int = 1_000
    """Most facts per model and language with knowledge neurons."""
    edited: int = 200
    """Most facts per model and language with edits and degenerate pairs."""

    def write(self, lake: Path) -> None:
        """All tables that the marts read, but for the truth, which only Atlas has."""
        draw = np.random.default_rng(0)
        right = _published_right_answers()
        codes = list(right)
        counts = np.array(list(right.values())) / sum(right.values()) * self.matched
        counts = np.maximum(2, counts.round().astype(np.int64))
        relation_ids = [row["relation_id"] for row in _csv("ingestion/relations.csv")][:_RELATIONS]
        relation = draw.integers(0, _RELATIONS, self.facts)
        objects = relation * 100 + np.minimum(draw.geometric(0.05, self.facts), 99)
        ids = sorted(str(UUID(bytes=draw.bytes(16))) for _ in range(self.facts))
        facts = pl.DataFrame(
            {
                "fact_id": ids,
                "relation_id": [relation_ids[i] for i in relation],
                "subject_id": [f"Q{i}" for i in range(self.facts)],
                "object_id": [f"Q{900_000 + i}" for i in objects],
            }
        ).with_columns(object_number=pl.Series(objects))
        self._write_small_tables(lake, facts, relation_ids, codes)
        neurons = {
            model_id: NeuronTables(draw, *_SHAPES[model_id], relation, objects, ids)
            for model_id in MODELS
        }
        popularity = -0.6 * np.log(np.arange(1, self.facts + 1))
        for code, count, size in zip(codes, counts, self._held(counts), strict=True):
            order = np.argsort(-(popularity + draw.normal(size=self.facts)), kind="stable")
            places = np.sort(order[:size])
            here = facts[places]
            _write(lake, "fact_labels", _labels(here, code), language_code=code)
            partition = {"corpus_id": CORPUS, "language_code": code}
            found = _occurrences(draw, here, np.isin(places, order[:count]))
            _write(lake, "occurrences", found, **partition)
            _write(lake, "corpus_sizes", _size(code, int(count)), **partition)
            for number, model_id in enumerate(MODELS):
                # A later model shifts the borders of what is known by some ranks per fact.
                ranks = np.arange(size) + (draw.normal(0, count / 8, size) if number else 0)
                matched = np.sort(order[:size][np.argsort(ranks, kind="stable")[:count]])
                partition = {"model_id": model_id, "language_code": code}
                answers = _answers(here, np.isin(places, matched))
                _write(lake, "predictions", answers, **partition)
                _write(lake, "label_tokens", _pieces(draw, here), **partition)
                tables = neurons[model_id].tables(matched, code, self.attributed, self.edited)
                for table, frame in tables:
                    _write(lake, table, frame, **partition)

    def _held(self, right: Whole) -> Whole:
        """Facts per language, at least those that are right, ``held`` in all; English has all."""
        least = right.copy()
        least[0] = self.facts
        low, high = 0.0, 10.0 * self.held
        for _ in range(60):
            scale = (low + high) / 2
            counts = np.clip((scale * (right / right.sum()) ** 0.45).astype(int), least, self.facts)
            low, high = (scale, high) if counts.sum() < self.held else (low, scale)
        smallest = int(np.argmin(counts))
        counts[smallest] += self.held - counts.sum()
        return counts

    def _write_small_tables(
        self, lake: Path, facts: pl.DataFrame, relation_ids: list[str], codes: list[str]
    ) -> None:
        places = {row["language_code"]: row for row in _csv("ingestion/languages.csv")}
        names = {row["relation_id"]: row for row in _csv("ingestion/relations.csv")}
        write_lake(
            lake,
            languages=[_language(places[code]) for code in codes],
            relations=[dict(names[relation_id]) for relation_id in relation_ids],
            facts=facts.drop("object_number").rows(named=True),
            prompts=[
                {
                    "language_code": code,
                    "relation_id": relation_id,
                    "template": "[X] is in [Y] .",
                    "is_template_changed": False,
                }
                for code in codes
                for relation_id in relation_ids
            ],
            models=[
                model(
                    model_id, layer_count=_SHAPES[model_id][0], neuron_count=_SHAPES[model_id][1],
                    vocabulary_size=_VOCABULARY, corpus_id=CORPUS, source=_SOURCES[model_id],
                )
                for model_id in MODELS
            ],
        )  # fmt: skip


def _csv(path: str) -> Iterator[dict[str, str]]:
    with (PROJECT / path).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _published_right_answers() -> dict[str, int]:
    """Language → facts that mBERT gets right, most first."""
    found = {
        row["language_code"]: int(row["published_value"])
        for row in _csv("dbt/seeds/published_figures.csv")
        if row["metric_code"] == "full_match_count" and row["language_code"]
    }
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _language(row: dict[str, str]) -> Row:
    coordinates = {name: float(row[name]) for name in ("latitude", "longitude")}
    return {**language(row["language_code"]), **row, **coordinates}


def _write(lake: Path, table: str, frame: pl.DataFrame, **partition: str) -> None:
    frame = frame.with_columns(**{column: pl.lit(value) for column, value in partition.items()})
    made_by = {
        name: str(model(partition["model_id"])[name])
        for name in ("revision", "tokenizer_hash", "dtype")
        if "model_id" in partition
    }
    provenance = Provenance.now(
        table, partition, fingerprint=f"{table}-{partition}", code_version="1",
        duration_seconds=0.1, row_count=frame.height, details=made_by,
    )  # fmt: skip
    write_part(lake, frame.select(LAKE[table].schema.names), provenance)


def _labels(here: pl.DataFrame, code: str) -> pl.DataFrame:
    return here.select(
        "fact_id",
        subject_label=pl.format("Subject {} {}", "subject_id", pl.lit(code)),
        object_label=pl.format("Object {} {}", "object_id", pl.lit(code)),
        is_label_changed=False,
    )


def _answers(here: pl.DataFrame, is_right: npt.NDArray[np.bool_]) -> pl.DataFrame:
    """Objects have one to four tokens; a wrong answer is the same for all facts of a relation."""
    objects = here["object_number"].to_numpy()
    said = np.where(is_right, objects, objects // 100 * 100)
    lengths = objects % 4 + 1
    return here.select(
        "fact_id",
        mask_count=pl.Series(lengths, dtype=pl.Int32),
        prompt_code=pl.lit("whole"),
        gold_token_ids=_tokens(objects, lengths),
        predicted_token_ids=_tokens(said, lengths),
        predicted_text=pl.Series([f"Object {number}" for number in said]),
        gold_log_prob=pl.Series(np.where(is_right, -0.5, -6.0) * lengths, dtype=pl.Float32),
        gold_rank=pl.Series(np.where(is_right, 1, 2 + objects % 97), dtype=pl.Int32),
        candidate_token_ids=_candidates(np.repeat(said, lengths)[:, None] * 5 + range(5), lengths),
        candidate_log_probs=_candidates(
            np.tile(np.array([-0.5, -2, -3, -4, -5], dtype=np.float32), (lengths.sum(), 1)), lengths
        ),
    )


def _offsets(lengths: Whole) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))


def _tokens(numbers: Whole, lengths: Whole) -> pl.Series:
    """Token ids of an object, as many as its length; no two objects of a relation share all."""
    place = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    ids = (np.repeat(numbers, lengths) * 4 + place).astype(np.int32)
    return pl.Series(pa.ListArray.from_arrays(_offsets(lengths), pa.array(ids)))


def _candidates(values: npt.NDArray[np.generic], lengths: Whole) -> pl.Series:
    """Five candidates for each mask of each answer."""
    kind = np.float32 if values.dtype == np.float32 else np.int32
    flat = pa.array(values.astype(kind).reshape(-1))
    masks = pa.ListArray.from_arrays(_offsets(np.full(len(values), 5)), flat)
    return pl.Series(pa.ListArray.from_arrays(_offsets(lengths), masks))


def _pieces(draw: Draw, here: pl.DataFrame) -> pl.DataFrame:
    """One name in ten contains the object, one in ten shares a piece with it."""
    kind = pl.Series(draw.integers(0, 10, here.height))
    return here.select(
        "fact_id",
        subject_folded=pl.when(kind == 0)
        .then(pl.format("{} {}", "subject_id", "object_id"))
        .otherwise(pl.format("subject {}", "subject_id")),
        object_folded="object_id",
        subject_tokens=pl.concat_list(
            pl.format("a{}", "subject_id"),
            pl.when(kind == 1).then(pl.format("b{}", "object_id")).otherwise(pl.lit("##c")),
        ),
        object_tokens=pl.concat_list(pl.format("b{}", "object_id"), pl.lit("##d")),
    )


def _occurrences(draw: Draw, here: pl.DataFrame, is_popular: npt.NDArray[np.bool_]) -> pl.DataFrame:
    """Popular facts stand in the text more often than not, the others less often."""
    is_present = draw.random(here.height) < np.where(is_popular, 0.85, 0.4)
    shared = pl.Series(np.where(is_present, draw.geometric(0.2, here.height), 0))
    evidence = {
        "evidence_document": pl.format("Page {}", "subject_id"),
        "evidence_offset": pl.lit(1000, pl.Int64),
        "evidence_distance": pl.lit(20, pl.Int64),
        "evidence_text": pl.format(
            "{} is, as the page that is called after it says in its first lines, of {}.",
            "subject_id", "object_id",
        ),
    }  # fmt: skip
    return here.select(
        "fact_id",
        text_unit=pl.lit("chunk"),
        subject_count=shared + 3,
        object_count=shared + 40,
        shared_count=shared,
        separate_count=shared,
        **{name: pl.when(shared > 0).then(value) for name, value in evidence.items()},
    )


def _size(code: str, right: int) -> pl.DataFrame:
    """More text where more is right, though not in proportion."""
    pages = 100 * right + 10_000
    counts = {"page_count": pages + 200, "document_count": pages, "text_bytes": pages * 4_000}
    return pl.DataFrame(
        [corpus_size(CORPUS, code, **counts)],
        schema=pl.Schema(LAKE["corpus_sizes"].schema),
    )
