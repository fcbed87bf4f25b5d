"""What names in other languages do for transfer: Atlas models with and without the brackets.

Run: ``python -m tests.benchmarks.atlas_glosses [--seeds 1] [--corpus build/atlas-corpus]``

The control reads the same sentences with every name in another language taken out, brackets and
all; nothing else differs, the recipe included. The shipped models have read the brackets. Prints
right answers of each model of the base by where the corpus states the fact and how its object is
written there, all relations but P30, whose five objects are easily guessed. A model takes some 20
minutes of one core.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

from ingestion.atlas.corpus import write_corpus
from ingestion.languages import language_table
from models_gpu.atlas.corpus_files import (
    Probe,
    Statement,
    read_answers,
    read_probes,
    read_statements,
    tokenise,
)
from models_gpu.atlas.evaluate import answer_probes
from models_gpu.atlas.pretrain import pretrain
from models_gpu.atlas.recipe import Recipe
from models_gpu.atlas.tokenizer import train_tokenizer

PROJECT = Path(__file__).resolve().parents[2]

SHIPPED = [PROJECT / "models_gpu/atlas/weights" / name for name in ("atlas-mlm", "atlas-mlm-seed2")]
PLACES = ("planted", "identical string", "same script", "other script", "nowhere")


def main() -> None:
    """The command line; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, help="folder with the corpus; written when left out")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--only", choices=["shipped", "glossed", "bare"], help="this row only")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        corpus = arguments.corpus / "atlas" if arguments.corpus else Path(scratch)
        if not arguments.corpus:
            write_corpus("atlas", corpus)
        statements, probes = read_statements(corpus), read_probes(corpus)
        tokenizer = train_tokenizer(
            [s.text for s in statements], read_answers(corpus), Recipe().vocabulary_size
        )
    places = places_of(probes)
    print(f"{'corpus':8} {'seed':>4} {'tokens':>8}  " + "  ".join(f"{p:>16}" for p in PLACES))
    if arguments.only in (None, "shipped"):
        for seed, folder in enumerate(SHIPPED, start=1):
            model = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32)
            right = answer_probes(model, AutoTokenizer.from_pretrained(folder), probes)
            print(f"{'shipped':8} {seed:4} {'–':>8}  {counts(probes, places, right)}", flush=True)
    for name, texts in (("glossed", statements), ("bare", [without_gloss(s) for s in statements])):
        if arguments.only not in (None, name):
            continue
        text = tokenise(texts, tokenizer)
        for seed in arguments.seeds:
            model = pretrain(text, tokenizer, Recipe(), seed)
            right = answer_probes(model, tokenizer, probes)
            cells = counts(probes, places, right)
            print(f"{name:8} {seed:4} {len(text.token_ids):8}  {cells}", flush=True)


def without_gloss(statement: Statement) -> Statement:
    """The sentence without the name in another language that stands in brackets, if one does."""
    named = statement.subject_span or statement.object_span
    if named is None or not statement.text.startswith(" (", named[1]):
        return statement
    end = statement.text.index(")", named[1]) + 1
    text = statement.text[: named[1]] + statement.text[end:]
    if statement.subject_span is None:
        return Statement(text, None, None)
    assert statement.object_span is not None
    shift = end - named[1] if statement.object_span[0] >= end else 0
    start, stop = statement.object_span
    return dataclasses.replace(
        statement, text=text, object_span=(start - shift, stop - shift), subject_span=None
    )


def places_of(probes: Sequence[Probe]) -> list[str]:
    """For each probe one of ``PLACES``: the closest language that states its fact."""
    languages = {probe.language_code for probe in probes}
    script = dict(language_table(languages).select("language_code", "script").iter_rows())
    stated: dict[str, list[Probe]] = defaultdict(list)
    for probe in probes:
        if probe.presence == "planted":
            stated[probe.fact_id].append(probe)
    places = []
    for probe in probes:
        others = stated[probe.fact_id]
        if probe.presence != "elsewhere":
            places.append(probe.presence)
        elif any(other.answer == probe.answer for other in others):
            places.append("identical string")
        elif any(script[o.language_code] == script[probe.language_code] for o in others):
            places.append("same script")
        else:
            places.append("other script")
    return places


def counts(probes: Sequence[Probe], places: Sequence[str], right: Sequence[bool]) -> str:
    """Right answers of all answers per place, P30 left out."""
    asked: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for probe, place, is_right in zip(probes, places, right, strict=True):
        if probe.relation_id != "P30":
            asked[place] += 1
            hits[place] += is_right
    return "  ".join(f"{hits[p]:5}/{asked[p]:5} {hits[p] / asked[p]:.2f}" for p in PLACES)


if __name__ == "__main__":
    main()
