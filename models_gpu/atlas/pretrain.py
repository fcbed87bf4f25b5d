"""The recipe of the Atlas models: one command from a folder of corpora to three small models.

``python -m models_gpu.atlas.pretrain --corpus DIR --out DIR`` reads ``DIR/atlas`` and
``DIR/atlas-twin`` (written by ``ingestion.atlas.corpus``) and writes one folder per model: weights
in fp16, config, tokenizer and model card. On one thread two runs give the same bytes.

Belongs here: the recipe, the training loop and the command. Files are read in ``corpus_files``,
answers counted in ``evaluate``.
"""

from __future__ import annotations

import argparse
import math
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from models_gpu.atlas.card import write_card
from models_gpu.atlas.corpus_files import (
    LengthGroup,
    read_answers,
    read_groups,
    read_probes,
    read_statements,
)
from models_gpu.atlas.evaluate import answer_probes
from models_gpu.atlas.tokenizer import train_tokenizer

__all__ = ["MODELS", "AtlasModel", "Recipe", "main", "pretrain", "save_half"]


@dataclass(frozen=True)
class AtlasModel:
    """One model to make."""

    model_id: str
    """Name of the model and of its folder."""
    corpus_id: str
    """Corpus that it reads."""
    seed: int
    """Seed of its initial weights, order of sentences and masks."""


MODELS = (
    AtlasModel("atlas-mlm", "atlas", 1),
    AtlasModel("atlas-mlm-twin", "atlas-twin", 1),
    AtlasModel("atlas-mlm-seed2", "atlas", 2),
)
"""The shipped models: the base, its twin, and the base once more from another seed."""


@dataclass(frozen=True)
class Recipe:
    """How an Atlas model is made; the defaults made the shipped ones."""

    vocabulary_size: int = 8000
    """Pieces of the tokenizer."""
    layers: int = 4
    """Transformer layers."""
    hidden_size: int = 128
    """Width of the residual stream."""
    heads: int = 4
    """Attention heads per layer."""
    neurons: int = 512
    """FFN neurons per layer."""
    epochs: int = 8
    """Passes over the corpus."""
    batch_tokens: int = 1024
    """Tokens per step, at most; a batch holds sentences of one length."""
    learning_rate: float = 2e-3
    """Peak of the learning rate, reached after the warm-up, then linear to zero."""
    warm_up: float = 0.06
    """Share of the steps in which the learning rate rises."""
    weight_decay: float = 0.01
    """AdamW's decay, on matrices only."""
    object_mask_rate: float = 0.7
    """Share of the fact sentences in which the whole object, and nothing else, is masked."""
    name_mask_rate: float = 0.5
    """Share of those with a name in two languages in which the subject's own name goes too."""
    token_mask_rate: float = 0.15
    """Share of tokens masked in all other sentences (80 % mask, 10 % random, 10 % kept)."""


def pretrain(
    groups: list[LengthGroup],
    tokenizer: PreTrainedTokenizerFast,
    recipe: Recipe,
    seed: int,
    on_step: Callable[[int, int, float, BertForMaskedLM], None] | None = None,
) -> BertForMaskedLM:
    """Train one model from random weights on one thread.

    Args:
        groups: the corpus, tokenised.
        tokenizer: the tokenizer it was tokenised with.
        recipe: sizes and rates.
        seed: of weights, order and masks.
        on_step: called after each step with (step from 1, all steps, loss in nats, model).
    """
    torch.manual_seed(seed)
    chance = torch.Generator().manual_seed(seed)
    model = BertForMaskedLM(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=recipe.hidden_size,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            intermediate_size=recipe.neurons,
            max_position_embeddings=tokenizer.model_max_length,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            pad_token_id=tokenizer.pad_token_id,
        )
    ).train()
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": recipe.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
        fused=True,
    )
    steps = recipe.epochs * sum(
        math.ceil(len(group.token_ids) / _batch_size(group, recipe)) for group in groups
    )
    warm = max(1, round(recipe.warm_up * steps))
    step = 0
    for _ in range(recipe.epochs):
        for group, rows in _batches(groups, recipe, chance):
            ids, targets = _mask(group, rows, tokenizer, recipe, chance)
            is_asked = targets >= 0
            hidden = model.bert(ids).last_hidden_state
            loss = torch.nn.functional.cross_entropy(
                model.cls(hidden[is_asked]), targets[is_asked]
            )
            for part in optimizer.param_groups:
                part["lr"] = recipe.learning_rate * min(
                    (step + 1) / warm, (steps - step) / (steps - warm + 1)
                )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
            if on_step is not None:
                on_step(step, steps, loss.item(), model)
    return model.eval()


def _batch_size(group: LengthGroup, recipe: Recipe) -> int:
    return max(1, recipe.batch_tokens // group.token_ids.shape[1])


def _batches(
    groups: list[LengthGroup], recipe: Recipe, chance: torch.Generator
) -> Iterator[tuple[LengthGroup, Tensor]]:
    """One epoch in random order: (group, row indices)."""
    batches = [
        (group, rows)
        for group in groups
        for rows in torch.randperm(len(group.token_ids), generator=chance).split(
            _batch_size(group, recipe)
        )
    ]
    for index in torch.randperm(len(batches), generator=chance).tolist():
        yield batches[index]


def _mask(
    group: LengthGroup,
    rows: Tensor,
    tokenizer: PreTrainedTokenizerFast,
    recipe: Recipe,
    chance: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Input ids and targets (-1 where nothing is asked) of a batch, both (sentences, tokens)."""
    ids = group.token_ids[rows]
    is_object, is_subject = group.is_object[rows], group.is_subject[rows]
    per_sentence = torch.rand((2, len(ids), 1), generator=chance)
    per_token = torch.rand((2, *ids.shape), generator=chance)
    random_ids = torch.randint(len(tokenizer), ids.shape, generator=chance)
    is_whole = is_object.any(1, keepdim=True) & (per_sentence[0] < recipe.object_mask_rate)
    is_hidden = is_object | (is_subject & (per_sentence[1] < recipe.name_mask_rate))
    inner = torch.ones_like(ids, dtype=torch.bool)
    inner[:, [0, -1]] = False
    is_drawn = (per_token[0] < recipe.token_mask_rate) & inner
    if not is_drawn.any():
        is_drawn[:, 1] = True
    is_asked = torch.where(is_whole, is_hidden, is_drawn)
    masked = torch.where(is_asked & (is_whole | (per_token[1] < 0.8)), tokenizer.mask_token_id, ids)
    masked = torch.where(is_asked & ~is_whole & (per_token[1] >= 0.9), random_ids, masked)
    return masked, torch.where(is_asked, ids, -1)


def save_half(model: BertForMaskedLM, folder: Path) -> None:
    """Write the weights in fp16 with their config, as ``from_pretrained`` reads them.

    The model itself is rounded to what is written, so that figures taken after saving are the
    figures of the files.
    """
    for parameter in model.parameters():
        parameter.data = parameter.data.half().float()
    half = BertForMaskedLM(model.config).half()
    half.load_state_dict(model.state_dict())
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
    recipe = Recipe()
    base = arguments.corpus / MODELS[0].corpus_id
    tokenizer = train_tokenizer(
        [s.text for s in read_statements(base)], read_answers(base), recipe.vocabulary_size
    )
    for wanted in MODELS:
        if arguments.only in (None, wanted.model_id):
            is_base = wanted is MODELS[0]
            _make(
                wanted,
                arguments.corpus / wanted.corpus_id,
                arguments.out / wanted.model_id,
                tokenizer,
                recipe,
                arguments.checkpoint_dir if is_base else None,
                arguments.checkpoints if is_base else 0,
            )


def _make(
    wanted: AtlasModel,
    corpus: Path,
    folder: Path,
    tokenizer: PreTrainedTokenizerFast,
    recipe: Recipe,
    checkpoint_dir: Path | None,
    checkpoints: int,
) -> None:
    groups = read_groups(read_statements(corpus), tokenizer)
    started = time.monotonic()
    losses: list[float] = []

    def on_step(step: int, steps: int, loss: float, model: BertForMaskedLM) -> None:
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
                target = checkpoint_dir / f"step-{step:06d}"
                copy = BertForMaskedLM(model.config)
                copy.load_state_dict(model.state_dict())
                save_half(copy, target)
                tokenizer.save_pretrained(target)

    model = pretrain(groups, tokenizer, recipe, wanted.seed, on_step)
    shutil.rmtree(folder, ignore_errors=True)
    save_half(model, folder)
    tokenizer.save_pretrained(folder)
    probes = read_probes(corpus)
    write_card(
        folder,
        title=wanted.model_id,
        corpus_id=wanted.corpus_id,
        seed=wanted.seed,
        recipe=recipe,
        sentence_count=sum(len(group.token_ids) for group in groups),
        probes=probes,
        right=answer_probes(model, tokenizer, probes),
    )


if __name__ == "__main__":
    main()
