"""The recipe of the Atlas models: one command from a folder of corpora to three small models.

``python -m models_gpu.atlas.pretrain --corpus DIR --out DIR`` reads ``DIR/atlas`` and
``DIR/atlas-twin`` (written by ``ingestion.atlas.corpus``) and writes one folder per model: weights
in fp16, config, tokenizer and model card. On one thread two runs give the same bytes.

Belongs here: the recipe, the training loop and the command. Files are read in ``corpus_files``,
answers counted in ``evaluate``.
"""

from __future__ import annotations

import argparse
import copy
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from models_gpu.atlas.card import write_card
from models_gpu.atlas.corpus_files import (
    TokenisedText,
    read_answers,
    read_probes,
    read_statements,
    tokenise,
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

    vocabulary_size: int = 7000
    """Pieces of the tokenizer."""
    layers: int = 3
    """Transformer layers."""
    hidden_size: int = 128
    """Width of the residual stream."""
    heads: int = 4
    """Attention heads per layer."""
    neurons: int = 512
    """FFN neurons per layer."""
    initial_deviation: float = 0.05
    """Standard deviation of the initial weights; BERT's 0.02 is too flat for so small a width."""
    epochs: int = 10
    """Passes over the corpus."""
    rows: int = 20
    """Rows per step; sentences are packed into rows and see only themselves."""
    row_tokens: int = 80
    """Tokens per row."""
    learning_rate: float = 2e-3
    """Peak of the learning rate, reached after the warm-up, then linear to zero."""
    warm_up: float = 0.06
    """Share of the steps in which the learning rate rises."""
    weight_decay: float = 0.01
    """AdamW's decay, on matrices only."""
    object_mask_rate: float = 0.8
    """Share of the fact sentences in which the whole object, and nothing else, is masked."""
    name_mask_rate: float = 0.5
    """Share of those with a name in two languages in which the subject's own name goes too."""
    token_mask_rate: float = 0.15
    """Share of tokens masked in all other sentences (80 % mask, 10 % random, 10 % kept)."""


def pretrain(
    text: TokenisedText,
    tokenizer: PreTrainedTokenizerFast,
    recipe: Recipe,
    seed: int,
    on_step: Callable[[int, int, float, BertForMaskedLM], None] | None = None,
) -> BertForMaskedLM:
    """Train one model from random weights on one thread.

    Args:
        text: the corpus, tokenised.
        tokenizer: the tokenizer it was tokenised with.
        recipe: sizes and rates.
        seed: of weights, order and masks.
        on_step: called after each step with (step from 1, all steps, loss in nats, model).
    """
    torch.manual_seed(seed)
    chance = torch.Generator().manual_seed(seed)
    model: BertForMaskedLM = BertForMaskedLM(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=recipe.hidden_size,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            intermediate_size=recipe.neurons,
            max_position_embeddings=tokenizer.model_max_length,
            initializer_range=recipe.initial_deviation,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    model.train()
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
    epochs = [_pack(text, recipe, chance) for _ in range(recipe.epochs)]
    steps = sum(math.ceil(len(rows) / recipe.rows) for rows in epochs)
    warm = max(1, round(recipe.warm_up * steps))
    step = 0
    for rows in epochs:
        for batch in torch.split(rows, recipe.rows):
            step_input = _mask(text, batch, tokenizer, recipe, chance)
            hidden = model.bert(
                step_input.ids,
                attention_mask=step_input.attention_mask,
                position_ids=step_input.positions,
            ).last_hidden_state
            is_asked = step_input.targets >= 0
            loss = torch.nn.functional.cross_entropy(
                model.cls(hidden[is_asked]), step_input.targets[is_asked]
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
    model.eval()  # type: ignore[no-untyped-call]
    return model


@dataclass(frozen=True)
class _StepInput:
    """What the model sees in one step."""

    ids: Tensor
    """Token ids, (rows, tokens)."""
    targets: Tensor
    """Token ids to predict, -1 where nothing is asked, (rows, tokens)."""
    attention_mask: Tensor
    """True where two tokens are of one sentence, (rows, 1, tokens, tokens)."""
    positions: Tensor
    """Place of each token in its own sentence, (rows, tokens)."""


def _pack(text: TokenisedText, recipe: Recipe, chance: torch.Generator) -> Tensor:
    """One epoch in random order: sentence numbers packed into rows, (rows, sentences), -1 = none.

    A row takes the next sentence as long as it fits, so that little is padded and each step sees
    sentences of all languages and lengths.
    """
    lengths = text.lengths.tolist()
    rows: list[list[int]] = [[]]
    room = recipe.row_tokens
    for sentence in torch.randperm(len(lengths), generator=chance).tolist():
        if lengths[sentence] > room:
            rows.append([])
            room = recipe.row_tokens
        rows[-1].append(sentence)
        room -= lengths[sentence]
    width = max(map(len, rows))
    return torch.tensor([row + [-1] * (width - len(row)) for row in rows])


def _mask(
    text: TokenisedText,
    batch: Tensor,
    tokenizer: PreTrainedTokenizerFast,
    recipe: Recipe,
    chance: torch.Generator,
) -> _StepInput:
    """Unpack the sentences of one step and draw what is masked."""
    shape = (len(batch), recipe.row_tokens)
    starts = text.lengths.cumsum(0) - text.lengths
    is_used = batch >= 0
    lengths = text.lengths[batch] * is_used
    ends = lengths.cumsum(1)
    columns = torch.arange(recipe.row_tokens)
    # Which sentence of its row a token belongs to; padding belongs to the one after the last.
    order = torch.searchsorted(ends, columns.expand(shape).contiguous(), right=True)
    is_token = columns < ends[:, -1:]
    order = torch.where(is_token, order, batch.shape[1])
    padded = torch.nn.functional.pad(batch, (0, 1), value=-1)
    sentence = padded.gather(1, order).clamp(min=0)
    begin = torch.nn.functional.pad(ends - lengths, (0, 1)).gather(1, order)
    positions = torch.where(is_token, columns - begin, 0)
    place = starts[sentence] + positions
    ids = torch.where(is_token, text.token_ids[place], tokenizer.pad_token_id)

    is_object, is_subject = text.is_object[place] & is_token, text.is_subject[place] & is_token
    per_sentence = torch.rand((2, *padded.shape), generator=chance)
    per_token = torch.rand((2, *shape), generator=chance)
    random_ids = torch.randint(len(tokenizer), shape, generator=chance)
    has_object = torch.zeros_like(padded, dtype=torch.bool).scatter_(
        1, order.masked_fill(~is_object, batch.shape[1]), True
    )
    has_object[:, -1] = False
    is_whole = has_object & (per_sentence[0] < recipe.object_mask_rate)
    is_bare = is_whole & (per_sentence[1] < recipe.name_mask_rate)
    in_whole, in_bare = is_whole.gather(1, order), is_bare.gather(1, order)
    is_inner = is_token & (positions > 0) & (positions < text.lengths[sentence] - 1)
    is_drawn = ~in_whole & is_inner & (per_token[0] < recipe.token_mask_rate)
    is_hidden = (in_whole & is_object) | (in_bare & is_subject)
    is_masked = is_hidden | (is_drawn & (per_token[1] < 0.8))
    inputs = ids.masked_fill(is_masked, tokenizer.mask_token_id)
    inputs = torch.where(is_drawn & (per_token[1] >= 0.9), random_ids, inputs)
    targets = torch.where(is_hidden | is_drawn, ids, -1)
    attention_mask = (order[:, :, None] == order[:, None, :])[:, None]
    return _StepInput(inputs, targets, attention_mask, positions)


def save_half(model: BertForMaskedLM, folder: Path) -> None:
    """Write the weights in fp16 with their config, as ``from_pretrained`` reads them.

    The model itself is rounded to what is written, so that figures taken after saving are the
    figures of the files.
    """
    for parameter in model.parameters():
        parameter.data = parameter.data.half().float()
    half = copy.deepcopy(model).half()  # type: ignore[no-untyped-call]
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
    text = tokenise(read_statements(corpus), tokenizer)
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
                save_half(copy.deepcopy(model), target)
                tokenizer.save_pretrained(target)

    model = pretrain(text, tokenizer, recipe, wanted.seed, on_step)
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
        sentence_count=len(text.lengths),
        probes=probes,
        right=answer_probes(model, tokenizer, probes),
    )


if __name__ == "__main__":
    main()
