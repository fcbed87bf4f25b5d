"""Trains a model on each Atlas world and keeps its answers: the truth that roots are held against.

``python -m models_gpu.atlas.worlds --corpora DIR --tokenizer FOLDER --parts DIR --out FILE`` reads
one folder per world (written by ``ingestion.atlas.worlds``) and writes one Parquet file: a row per
world, seed, language and fact. The models themselves are not kept.

A world that was trained under the same recipe is not trained again: its part carries the digest of
everything that the answers depend on. Belongs here: that loop. How a model is trained is in
``pretrain``, how it is asked in ``evaluate``, which world plants what in
``ingestion.atlas.worlds``.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import multiprocessing
import os
import time
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from models_gpu.atlas.corpus_files import read_probes, read_statements, tokenise
from models_gpu.atlas.evaluate import answer_in_full
from models_gpu.atlas.pretrain import pretrain
from models_gpu.atlas.recipe import Recipe

__all__ = [
    "SECOND_SEED_PLANS",
    "SHORT_RECIPE",
    "WORLD_RECIPE",
    "answers_of",
    "main",
    "recipe_digest",
]

WORLD_RECIPE = Recipe(epochs=4, learning_rate=8e-4, embedding_rate=10.0)
"""The recipe of the shipped masked models with a third of their schedule. With one rate for all
weights, six epochs of a world leave .73 of its planted facts known; with ten times the rate for
token embeddings, four epochs leave .98."""

SHORT_RECIPE = dataclasses.replace(WORLD_RECIPE, rows=4)
"""The recipe of worlds whose name begins with 'short': less text needs more, smaller steps."""

SECOND_SEED_PLANS = (1, 2, 13, 14)
"""Plans that are trained with a second seed, to see how far a world agrees with itself."""

_LOG_PROB_DIGITS = 3


@dataclasses.dataclass(frozen=True)
class _Task:
    """One model to train."""

    corpus: Path
    """Folder of its world."""
    seed: int
    """Seed of weights, order and masks."""
    tokenizer: Path
    """Folder of the tokenizer."""
    part: Path
    """Where its answers go."""


def recipe_digest(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> str:
    """Digest of what the answers depend on besides world and seed: recipe and tokenizer."""
    parts = json.dumps(dataclasses.asdict(recipe), sort_keys=True)
    return hashlib.sha256((parts + tokenizer.backend_tokenizer.to_str()).encode()).hexdigest()[:16]


def answers_of(
    corpus: Path,
    seed: int,
    tokenizer: PreTrainedTokenizerFast,
    recipe: Recipe = WORLD_RECIPE,
    device: str = "cpu",
) -> pl.DataFrame:
    """Train a model on one world and ask it every fact of that world.

    Args:
        corpus: folder of the world, named like it.
        seed: seed of weights, order of sentences and masks.
        tokenizer: the tokenizer that all worlds share.
        recipe: sizes and rates.
        device: 'cpu' or 'cuda'.

    Returns:
        world_id, seed, language_code, fact_id, is_stated (the world's text states the fact in this
        language), is_right (every mask's most probable token is the object's), object_log_prob
        (nats, summed over the object's tokens) and object_rank (worst of its tokens, from 1).
    """
    text = tokenise(read_statements(corpus), tokenizer)
    model = pretrain(text, tokenizer, recipe, seed, device=device)
    probes = read_probes(corpus)
    answers = answer_in_full(model, tokenizer, probes)
    return pl.DataFrame(
        {
            "world_id": [corpus.name] * len(probes),
            "seed": [seed] * len(probes),
            "language_code": [probe.language_code for probe in probes],
            "fact_id": [probe.fact_id for probe in probes],
            "is_stated": [probe.presence == "planted" for probe in probes],
            "is_right": [answer.is_right for answer in answers],
            "object_log_prob": [round(answer.log_prob, _LOG_PROB_DIGITS) for answer in answers],
            "object_rank": [answer.rank for answer in answers],
        },
        schema_overrides={"seed": pl.Int8, "object_log_prob": pl.Float32, "object_rank": pl.Int16},
    )


def main() -> None:
    """The command line; see the module."""
    parser = argparse.ArgumentParser(description="Train a model per Atlas world, keep answers.")
    parser.add_argument("--corpora", type=Path, required=True, help="folder with one per world")
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder of the tokenizer")
    parser.add_argument("--parts", type=Path, required=True, help="folder for what is finished")
    parser.add_argument("--out", type=Path, help="Parquet file of all answers")
    parser.add_argument("--only", nargs="+", help="these worlds only")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="models at a time")
    arguments = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(arguments.tokenizer)
    digest = recipe_digest(WORLD_RECIPE, tokenizer)
    parts = arguments.parts / digest
    parts.mkdir(parents=True, exist_ok=True)
    folders = sorted(folder for folder in arguments.corpora.iterdir() if folder.is_dir())
    tasks = [
        _Task(folder, seed, arguments.tokenizer, parts / f"{folder.name}-seed{seed}.parquet")
        for seed in (1, 2)
        for folder in folders
        if (arguments.only is None or folder.name in arguments.only)
        and (seed == 1 or _has_second_seed(folder.name))
    ]
    _run([task for task in tasks if not task.part.exists()], arguments.workers)
    if arguments.out is not None:
        _combine([task.part for task in tasks], arguments.out, digest)


def _has_second_seed(world_id: str) -> bool:
    arm, _, plan = world_id.rpartition("-")
    return arm == "short" or (arm == "world" and int(plan) in SECOND_SEED_PLANS)


def _run(tasks: list[_Task], workers: int) -> None:
    started = time.monotonic()
    device_count = torch.cuda.device_count()
    with multiprocessing.get_context("spawn").Pool(device_count or workers) as pool:
        for done, name in enumerate(pool.imap_unordered(_train, tasks), start=1):
            spent = time.monotonic() - started
            left = spent / done * (len(tasks) - done)
            print(
                f"{name}: {done} of {len(tasks)} worlds, {spent / 60:.0f} min, "
                f"about {left / 60:.0f} min left",
                flush=True,
            )


def _train(task: _Task) -> str:
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = AutoTokenizer.from_pretrained(task.tokenizer)
    recipe = SHORT_RECIPE if task.corpus.name.startswith("short") else WORLD_RECIPE
    frame = answers_of(task.corpus, task.seed, tokenizer, recipe, device)
    unfinished = task.part.with_suffix(".tmp")
    frame.write_parquet(unfinished)
    unfinished.replace(task.part)
    return task.part.stem


def _combine(parts: Iterable[Path], out: Path, digest: str) -> None:
    """All answers in one file, sorted so that it stays small; its metadata names the recipe."""
    frame = pl.concat([pl.read_parquet(part, glob=False) for part in parts]).sort(
        "language_code", "fact_id", "world_id", "seed"
    )
    frame.write_parquet(
        out, compression="zstd", compression_level=19, metadata={"recipe_digest": digest}
    )


if __name__ == "__main__":
    main()
