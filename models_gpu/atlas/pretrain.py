"""The recipe of the Atlas models: one command from a folder of corpora to four small models.

``python -m models_gpu.atlas.pretrain --corpus DIR --out DIR`` reads ``DIR/atlas`` and
``DIR/atlas-twin`` (written by ``ingestion.atlas.corpus``) and writes one folder per model: weights
in fp16, config, tokenizer and model card. On one thread two runs give the same bytes.

Belongs here: the training loop and the command. Sizes and rates stand in ``recipe``; files are read
in ``corpus_files``, sentences packed in ``packing``, what is asked of them stands in ``masked`` and
``causal``, and answers are counted in ``evaluate``.
"""

from __future__ import annotations

import argparse
import copy
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from models_gpu.atlas import causal, masked
from models_gpu.atlas.card import write_card
from models_gpu.atlas.corpus_files import (
    TokenisedText,
    read_answers,
    read_probes,
    read_statements,
    tokenise,
)
from models_gpu.atlas.evaluate import answer_probes
from models_gpu.atlas.objective import Objective
from models_gpu.atlas.packing import pack
from models_gpu.atlas.recipe import Recipe
from models_gpu.atlas.tokenizer import train_tokenizer

__all__ = ["MODELS", "AtlasModel", "main", "pretrain", "save_half"]

_OBJECTIVES: dict[str, Objective] = {"masked": masked, "causal": causal}


_CAUSAL_RECIPE = Recipe(epochs=5, rows=16, learning_rate=3e-3)


@dataclass(frozen=True)
class AtlasModel:
    """One model to make."""

    model_id: str
    """Name of the model and of its folder."""
    corpus_id: str
    """Corpus that it reads."""
    seed: int
    """Seed of its initial weights, order of sentences and masks."""
    objective: str = "masked"
    """What it is trained to do: fill 'masked' tokens, or say the next one, 'causal'."""
    recipe: Recipe = field(default_factory=Recipe)
    """Its sizes and rates."""


MODELS = (
    AtlasModel("atlas-mlm", "atlas", 1),
    AtlasModel("atlas-mlm-twin", "atlas-twin", 1),
    AtlasModel("atlas-mlm-seed2", "atlas", 2),
    AtlasModel("atlas-clm", "atlas", 1, "causal", _CAUSAL_RECIPE),
)
"""The shipped models: the base, its twin, the base once more from another seed, and a causal model
that read what the base read."""


def pretrain(
    text: TokenisedText,
    tokenizer: PreTrainedTokenizerFast,
    recipe: Recipe,
    seed: int,
    on_step: Callable[[int, int, float, PreTrainedModel], None] | None = None,
    objective: str = "masked",
    device: str = "cpu",
) -> Any:
    """Train one model from random weights; on the CPU with one thread, the same bytes each time.

    Args:
        text: the corpus, tokenised.
        tokenizer: the tokenizer it was tokenised with.
        recipe: sizes and rates.
        seed: of weights, order and masks.
        on_step: called after each step with (step from 1, all steps, loss in nats, model).
        objective: 'masked' or 'causal'.
        device: where it is trained, 'cpu' or 'cuda'. Chance is drawn on the CPU either way.

    Returns:
        ``BertForMaskedLM`` or ``GPT2LMHeadModel``.
    """
    torch.manual_seed(seed)
    chance = torch.Generator().manual_seed(seed)
    parts = _OBJECTIVES[objective]
    model = parts.network(tokenizer, recipe).to(device)
    model.train()
    tokens = model.get_input_embeddings().weight
    matrices = [p for p in model.parameters() if p.ndim > 1 and p is not tokens]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": [tokens], "weight_decay": recipe.weight_decay},
            {"params": matrices, "weight_decay": recipe.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
        fused=True,
    )
    shares = (recipe.embedding_rate, 1.0, 1.0)
    epochs = [pack(text, recipe, chance) for _ in range(recipe.epochs)]
    steps = sum(math.ceil(len(rows) / recipe.rows) for rows in epochs)
    warm = max(1, round(recipe.warm_up * steps))
    step = 0
    for rows in epochs:
        for batch in torch.split(rows, recipe.rows):
            step_input = parts.step(text, batch, tokenizer, recipe, chance).to(device)
            is_asked = step_input.targets >= 0
            loss = torch.nn.functional.cross_entropy(
                parts.asked_logits(model, step_input), step_input.targets[is_asked]
            )
            rise = min((step + 1) / warm, (steps - step) / (steps - warm + 1))
            for part, share in zip(optimizer.param_groups, shares, strict=True):
                part["lr"] = recipe.learning_rate * share * rise
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
            if on_step is not None:
                on_step(step, steps, loss.item(), model)
    model.eval()
    return model


def save_half(model: PreTrainedModel, folder: Path) -> None:
    """Write the weights in fp16 with their config, as ``from_pretrained`` reads them.

    The model itself is rounded to what is written, so that figures taken after saving are the
    figures of the files.
    """
    for parameter in model.parameters():
        parameter.data = parameter.data.half().float()
    half = copy.deepcopy(model).half()
    half.save_pretrained(folder)


def main() -> None:
    """The command line; see the module."""
    parser = argparse.ArgumentParser(description="Make the Atlas models.")
    parser.add_argument("--corpus", type=Path, required=True, help="folder with both corpora")
    parser.add_argument("--out", type=Path, required=True, help="folder for the models")
    parser.add_argument("--only", choices=[m.model_id for m in MODELS], help="make this one only")
    parser.add_argument("--checkpoints", type=int, default=0, help="how many, along the base")
    parser.add_argument("--checkpoint-dir", type=Path, help="folder for the checkpoints")
    arguments = parser.parse_args()
    if arguments.checkpoints and arguments.checkpoint_dir is None:
        parser.error("--checkpoints needs --checkpoint-dir")
    torch.set_num_threads(1)
    first = MODELS[0]
    base = arguments.corpus / first.corpus_id
    tokenizer = train_tokenizer(
        [s.text for s in read_statements(base)],
        read_answers(base),
        first.recipe.vocabulary_size,
    )
    for wanted in MODELS:
        if arguments.only in (None, wanted.model_id):
            is_base = wanted is MODELS[0]
            _make(
                wanted,
                arguments.corpus / wanted.corpus_id,
                arguments.out / wanted.model_id,
                tokenizer,
                arguments.checkpoint_dir if is_base else None,
                arguments.checkpoints if is_base else 0,
            )


def _make(
    wanted: AtlasModel,
    corpus: Path,
    folder: Path,
    tokenizer: PreTrainedTokenizerFast,
    checkpoint_dir: Path | None,
    checkpoints: int,
) -> None:
    text = tokenise(read_statements(corpus), tokenizer)
    started = time.monotonic()
    losses: list[float] = []

    def on_step(step: int, steps: int, loss: float, model: PreTrainedModel) -> None:
        losses.append(loss)
        if step % 500 == 0 or step == steps:
            recent = sum(losses[-500:]) / len(losses[-500:])
            print(
                f"{wanted.model_id}: step {step:,} of {steps:,}, loss {recent:.3f}, "
                f"{time.monotonic() - started:.0f} s",
                flush=True,
            )
        if checkpoint_dir is not None and checkpoints:
            due = [steps * (k + 1) // checkpoints for k in range(checkpoints)]
            if step in due:
                target = checkpoint_dir / f"{wanted.model_id}-step{step}"
                save_half(copy.deepcopy(model), target)
                tokenizer.save_pretrained(target)

    model = pretrain(text, tokenizer, wanted.recipe, wanted.seed, on_step, wanted.objective)
    shutil.rmtree(folder, ignore_errors=True)
    save_half(model, folder)
    tokenizer.save_pretrained(folder)
    probes = read_probes(corpus)
    write_card(
        folder,
        title=wanted.model_id,
        corpus_id=wanted.corpus_id,
        seed=wanted.seed,
        recipe=wanted.recipe,
        objective=wanted.objective,
        sentence_count=len(text.lengths),
        probes=probes,
        right=answer_probes(model, tokenizer, probes),
    )


if __name__ == "__main__":
    main()
