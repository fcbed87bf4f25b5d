"""Rate and memory of a causal model with a large vocabulary, and those of a batched pipeline.

Run: ``python -m tests.benchmarks.causal_rate WEIGHTS [--facts 400] [--rounds 3] …``

Both ways answer the same facts with the same model, in turn, in processor seconds on one thread, so
that a shared machine disturbs both alike; the median of the rounds counts. Ours gives the greedy
tokens, the log-probability of the object, the rank of its tokens and the five best candidates of
each. The pipeline of transformers, ``pipeline('text-generation')`` in batches of texts with like
numbers of tokens to write and to read, gives the greedy tokens alone. Answers must be the same,
except where two tokens nearly tie. ``WEIGHTS`` is a folder that ``from_pretrained`` reads.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import torch
import transformers

from models_gpu.engine.scoring import NEAR_TIE
from models_gpu.loading.load import LoadedModel, wrap
from models_gpu.methods.probing import probe
from models_gpu.prompting.causal_prompts import tokenise_prompts
from models_gpu.seeded import shuffled
from tests.benchmarks.probing import REAL_DATA, read_facts

RELATIONS = ("P36", "P1376", "P103", "P37", "P30")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("--facts", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16, help="of the pipeline")
    parser.add_argument("--language", default="en", dest="languages")
    parser.add_argument("--relations", default=",".join(RELATIONS), help="comma-separated, or all")
    parser.add_argument("--mlama", type=Path, default=REAL_DATA / "mlama1.1.zip")
    parser.add_argument(
        "--copy-weights", action="store_true",
        help="hold weights in memory of the process and not in pages of the file",
    )  # fmt: skip
    parser.set_defaults(queries=0)
    return parser.parse_args()


def chosen_facts(options: argparse.Namespace) -> pl.DataFrame:
    (facts,) = read_facts(options).values()
    if options.relations != "all":
        facts = facts.filter(pl.col("relation_id").is_in(options.relations.split(",")))
    chosen = shuffled(facts["fact_id"], "rate")[: options.facts]
    return facts.filter(pl.col("fact_id").is_in(chosen)).sort("fact_id")


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def by_pipeline(model: LoadedModel, facts: pl.DataFrame, size: int) -> dict[str, list[int]]:
    """Greedy tokens of every fact, as many as its object has."""
    found = tokenise_prompts(model, facts)
    counts, lengths = np.diff(found.gold_offsets), np.diff(found.prompt_offsets)
    prompts = [
        model.tokenizer.decode(found.prompt_ids[a:b]) for a, b in pairwise(found.prompt_offsets)
    ]
    pipe = transformers.pipeline(
        "text-generation", model=model.view.model, tokenizer=model.tokenizer
    )
    answers: dict[str, list[int]] = {}
    order = np.lexsort((-lengths, counts)).tolist()
    ids = facts["fact_id"].to_list()
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        outputs = pipe(
            [prompts[place] for place in chosen], batch_size=size, do_sample=False,
            max_new_tokens=int(counts[chosen].max()), return_tensors=True,
            add_special_tokens=False,
        )  # fmt: skip
        for place, output in zip(chosen, outputs, strict=True):
            tokens = output[0]["generated_token_ids"]
            tokens = [token for token in tokens if token != model.pad_token_id]
            answers[ids[place]] = tokens[lengths[place] : lengths[place] + counts[place]]
    return answers


def other_answers(rows: pl.DataFrame, answers: dict[str, list[int]]) -> int:
    """Count facts with other tokens, though no two tokens nearly tie."""
    other = 0
    for fact, tokens, log_probs in rows.select(
        "fact_id", "predicted_token_ids", "candidate_log_probs"
    ).iter_rows():
        is_tie = min(best[0] - best[1] for best in log_probs) < NEAR_TIE
        # The pipeline stops at the end of a text.
        other += tokens[: len(answers[fact])] != answers[fact] and not is_tie
    return other


def main() -> None:
    options = arguments()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    read = transformers.AutoModelForCausalLM.from_pretrained(options.weights, dtype=torch.float32)
    if options.copy_weights:
        for parameter in read.parameters():
            parameter.data = parameter.data.clone()
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.weights)
    tokenizer.padding_side = "left"
    model = wrap(read.eval(), tokenizer, "cpu")
    facts = chosen_facts(options)
    print(f"{facts.height} facts, vocabulary {model.view.vocabulary_size:,}")
    probe(model, facts.head(4), mask_counts="gold")
    loaded = peak_megabytes()
    seconds: dict[str, list[float]] = {"ours": [], "pipeline": []}
    for _ in range(options.rounds):
        started = time.process_time()
        rows = probe(model, facts, mask_counts="gold")
        seconds["ours"].append(time.process_time() - started)
        if len(seconds["ours"]) == 1:
            peak = peak_megabytes()
        started = time.process_time()
        answers = by_pipeline(model, facts, options.batch_size)
        seconds["pipeline"].append(time.process_time() - started)
        rates = {name: facts.height / statistics.median(each) for name, each in seconds.items()}
        print({name: f"{rate:.1f} facts/s" for name, rate in rates.items()}, flush=True)
    other = other_answers(rows, answers)
    print(
        f"{rates['ours'] / rates['pipeline']:.2f} x, other answers: {other}; "
        f"peak memory {loaded:,.0f} MB with four facts, {peak:,.0f} MB with all"
    )


if __name__ == "__main__":
    main()
