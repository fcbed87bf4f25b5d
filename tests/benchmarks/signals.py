"""What the signals cost, compared with probing the facts of the same languages.

Run: ``python -m tests.benchmarks.signals [--model atlas-mlm] [--languages de,en,ja,ru,zh] …``

The signals run with the default settings of a study, on the right answers of an embedded model.
With ``--layers`` the model is a BERT with random weights, of mBERT's width and vocabulary, and all
answers count as right: its ratios are those of a large model. Two ratios are printed. The first is
per fact: one fact's signal against one fact's probing. The second is per study: all that a study
computes for the signal against probing all facts of its languages.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import torch
import transformers

from dagster_project.study.schema import LatentLanguagesBlock, PatchingBlock
from ingestion.facts import FactsSettings, open_facts
from models_gpu.loading.load import LoadedModel, load, wrap
from models_gpu.loading.source import resolve
from models_gpu.loading.spec import ModelSpec
from models_gpu.methods.fact_choice import facts_in_most_languages
from models_gpu.methods.latent_languages import latent_languages
from models_gpu.methods.patching import LanguageFacts, PatchSettings, patches
from models_gpu.methods.probing import probe
from models_gpu.methods.subject_swaps import subject_swaps

PROJECT = Path(__file__).resolve().parents[2]
WEIGHTS = PROJECT / "models_gpu" / "atlas" / "weights"
VOCABULARY_SIZE = 119_547


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="atlas-mlm", help="embedded model")
    parser.add_argument("--languages", default="all", help="comma-separated codes")
    parser.add_argument("--patched-languages", default="de,en,ja,ru,zh")
    parser.add_argument("--layers", type=int, default=None, help="a BERT with random weights")
    parser.add_argument("--facts", type=int, default=None, help="facts per language; None: all")
    parser.add_argument("--patched", type=int, default=PatchingBlock.facts, help="patched facts")
    parser.add_argument("--latent", type=int, default=LatentLanguagesBlock.facts)
    parser.add_argument("--threads", type=int, default=1, help="of torch on a CPU")
    return parser.parse_args()


def read_languages(options: argparse.Namespace) -> dict[str, pl.DataFrame]:
    """What the model is asked in each language, with the ids of subjects and objects."""
    source = open_facts(FactsSettings("table", PROJECT / "ingestion" / "atlas" / "facts.csv", 0.0))
    tables = {}
    codes = source.languages() if options.languages == "all" else options.languages.split(",")
    for language in codes:
        read = source.read(language)
        tables[language] = (
            read.fact_labels.join(read.facts, on="fact_id")
            .join(read.prompts.select("relation_id", "template"), on="relation_id")
            .select("fact_id", "relation_id", "template", "subject_label", "object_label",
                    "subject_id", "object_id")
            .sort("fact_id")
            .head(options.facts or read.facts.height)
        )  # fmt: skip
    return tables


def read_model(options: argparse.Namespace) -> LoadedModel:
    """The embedded model, or a large one with its tokenizer."""
    model = load(resolve(ModelSpec("model", str(WEIGHTS / options.model))), "cpu")
    if options.layers is None:
        return model
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=VOCABULARY_SIZE, num_hidden_layers=options.layers, pad_token_id=0
    )
    return wrap(transformers.BertForMaskedLM(config), model.tokenizer, "cpu")


def seconds(work: Callable[[], object]) -> float:
    """Processor time of some work, fair on a busy machine with one thread."""
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Measure and print."""
    options = arguments()
    torch.set_num_threads(options.threads)
    tables, model = read_languages(options), read_model(options)
    probe(model, next(iter(tables.values())).head(8), mask_counts="gold")
    answers: dict[str, pl.DataFrame] = {}

    def ask() -> None:
        for code, facts in tables.items():
            answers[code] = probe(model, facts, mask_counts="gold")

    probing = seconds(ask)
    asked = sum(facts.height for facts in tables.values())
    right = {
        code: rows.filter(pl.lit(options.layers is not None) | (pl.col("gold_rank") == 1))
        for code, rows in answers.items()
    }
    known = {code: LanguageFacts(tables[code], set(right[code]["fact_id"])) for code in tables}
    names = pl.concat(
        facts.select("relation_id", "object_id", "object_label", language_code=pl.lit(code))
        for code, facts in tables.items()
    ).unique(["relation_id", "object_id", "language_code"], maintain_order=True)
    ids = {code: own.right for code, own in known.items()}
    chosen = facts_in_most_languages(ids, options.latent)
    between = {code: known[code] for code in options.patched_languages.split(",")}
    patched = facts_in_most_languages({code: ids[code] for code in between}, options.patched)
    settings = PatchSettings(PatchingBlock.positions)
    counts = {
        "subject_swaps": sum(map(len, ids.values())),
        "latent_languages": sum(map(len, chosen.values())),
        "patching": 0,
    }

    def swap() -> None:
        for code, facts in tables.items():
            subject_swaps(model, facts, ids[code])

    def read_layers() -> None:
        for code, facts in tables.items():
            latent_languages(model, code, facts, chosen[code], names, seed=0)

    def patch() -> None:
        for code in between:
            rows = patches(model, code, patched[code], between, settings=settings)
            counts["patching"] += rows.n_unique(["fact_id", "source_language_code"])

    spent = {
        "subject_swaps": seconds(swap),
        "latent_languages": seconds(read_layers),
        "patching": seconds(patch),
    }
    print(
        f"{len(model.view.layers)} layers, {len(tables)} languages; probing {asked} facts: "
        f"{probing:.1f} s, {1e3 * probing / asked:.2f} ms a fact"
    )
    for name, own in spent.items():
        per_fact = own / max(counts[name], 1) / (probing / asked)
        print(
            f"{name}: {own:.1f} s for {counts[name]} facts; {per_fact:.1f} x probing per fact, "
            f"{own / probing:.2f} x probing per study"
        )
    print(f"together {sum(spent.values()) / probing:.2f} x probing per study")


if __name__ == "__main__":
    main()
