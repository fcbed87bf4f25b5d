"""What edit propagation and text gradients cost, compared with probing the same facts.

Run: ``python -m tests.benchmarks.gradient_signals [--model …] [--facts 20] [--languages de,en,ru]``

The facts are those of Atlas that the model gets right in most of the languages. Edits are
counted for all languages; text gradients for the queries and one text per fact and language (the
filled templates, which are as long as the sentences of the Atlas corpus).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

from ingestion.facts import FactsSettings, open_facts
from models_gpu.loading.load import LoadedModel, choose_device, wrap
from models_gpu.methods.counterfactuals import counterfactuals
from models_gpu.methods.edit_propagation import edit_propagation
from models_gpu.methods.fact_choice import facts_in_most_languages
from models_gpu.methods.probing import probe
from models_gpu.methods.text_gradients import text_gradients, text_vectors
from models_gpu.settings import TextGradientSettings

PROJECT = Path(__file__).resolve().parents[2]
WEIGHTS = PROJECT / "models_gpu" / "atlas" / "weights"

clock: Callable[[], float] = time.process_time


def load_model(name: str) -> LoadedModel:
    folder = WEIGHTS / name
    kind: Any = AutoModelForCausalLM if "clm" in name else AutoModelForMaskedLM
    network = kind.from_pretrained(folder, dtype=torch.float32)
    return wrap(network, AutoTokenizer.from_pretrained(folder), choose_device())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="atlas-mlm")
    parser.add_argument("--facts", type=int, default=20)
    parser.add_argument("--languages", default="de,en,ru")
    arguments = parser.parse_args()
    languages = arguments.languages.split(",")
    model = load_model(arguments.model)
    source = open_facts(FactsSettings("table", PROJECT / "ingestion" / "atlas" / "facts.csv", 0.0))
    read = {code: source.read(code) for code in languages}
    facts = pl.concat([own.facts for own in read.values()]).unique("fact_id")
    queries = {
        code: own.fact_labels.join(facts.select("fact_id", "relation_id"), on="fact_id")
        .join(own.prompts, on="relation_id")
        .select("fact_id", "relation_id", "template", "subject_label", "object_label")
        for code, own in read.items()
    }
    right = {
        code: probe(model, own, mask_counts="gold")
        .filter(pl.col("gold_rank") == 1)["fact_id"]
        .to_list()
        for code, own in queries.items()
    }
    chosen = facts_in_most_languages(right, arguments.facts)
    pool = sorted(set().union(*chosen.values()))
    asked = {code: own.filter(pl.col("fact_id").is_in(pool)) for code, own in queries.items()}
    started = clock()
    for own in asked.values():
        probe(model, own, mask_counts="gold")
    probing = clock() - started
    started = clock()
    edits = 0
    for code in languages:
        changes = counterfactuals(facts, queries, chosen[code], 0)
        edit_propagation(model, code, queries, changes)
        edits += len(changes)
    editing = clock() - started
    settings = TextGradientSettings()
    started = clock()
    texts = {
        code: text_vectors(
            model,
            own.select(
                "fact_id",
                "relation_id",
                evidence_text=pl.struct("template", "subject_label", "object_label").map_elements(
                    lambda row: (
                        row["template"]
                        .replace("[X]", row["subject_label"])
                        .replace("[Y]", row["object_label"])
                    ),
                    return_dtype=pl.String,
                ),
            ),
            settings=settings,
        )
        for code, own in asked.items()
    }
    for own in asked.values():
        text_gradients(model, own, texts, settings=settings)
    comparing = clock() - started
    count = sum(map(len, asked.values()))
    print(f"{arguments.model}: {len(pool)} facts in {len(languages)} languages on {model.device}")
    print(f"probing           {probing:7.2f} s  {count} queries")
    print(f"edit propagation  {editing:7.2f} s  {editing / probing:6.1f} x  {edits} changes")
    print(f"text gradients    {comparing:7.2f} s  {comparing / probing:6.1f} x  {count} texts")


if __name__ == "__main__":
    main()
