"""The causal objective: a small GPT-2 that predicts the next token; an ``Objective``.

What belongs here: its network, the target tokens of a step, and their logits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from models_gpu.atlas.packing import StepInput, unpack

if TYPE_CHECKING:
    from models_gpu.atlas.corpus_files import TokenisedText
    from models_gpu.atlas.recipe import Recipe

__all__ = ["asked_logits", "network", "step"]


def network(tokenizer: PreTrainedTokenizerFast, recipe: Recipe) -> GPT2LMHeadModel:
    """Create a GPT-2 of the recipe's size with random weights; sentences start with [CLS]."""
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer),
            n_embd=recipe.hidden_size,
            n_layer=recipe.layers,
            n_head=recipe.heads,
            n_inner=recipe.neurons,
            n_positions=tokenizer.model_max_length,
            initializer_range=recipe.initial_deviation,
            # The fused form of GPT-2's own function: the same values in a third of the time.
            activation_function="gelu_pytorch_tanh",
            embd_pdrop=0.0,
            resid_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=tokenizer.cls_token_id,
            eos_token_id=tokenizer.sep_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def step(
    text: TokenisedText,
    batch: Tensor,
    tokenizer: PreTrainedTokenizerFast,
    recipe: Recipe,
    chance: torch.Generator,
) -> StepInput:
    """Unpack the sentences of one step and draw its target tokens.

    Tokens of an object are always targets; of the other tokens a share is. A model learns most of
    those early, and each costs as much as a token of an object.
    """
    rows = unpack(text, batch, recipe.row_tokens)
    ids = torch.where(rows.is_token, rows.ids, tokenizer.pad_token_id)
    is_drawn = torch.rand(ids.shape, generator=chance) < recipe.next_token_rate
    is_wanted = (text.is_object[rows.place] & rows.is_token) | is_drawn
    is_same = rows.order[:, 1:] == rows.order[:, :-1]
    targets = torch.full_like(ids, -1)
    is_asked = is_same & rows.is_token[:, 1:] & is_wanted[:, 1:]
    targets[:, :-1] = torch.where(is_asked, ids[:, 1:], -1)
    attention_mask = (rows.order[:, :, None] == rows.order[:, None, :]).tril()[:, None]
    return StepInput(ids, targets, attention_mask, rows.positions)


def asked_logits(model: GPT2LMHeadModel, step_input: StepInput) -> Tensor:
    """Compute the logits of the target tokens, ``[targets, vocabulary]``."""
    hidden = model.transformer(
        step_input.ids,
        attention_mask=step_input.attention_mask,
        position_ids=step_input.positions,
        use_cache=False,
    ).last_hidden_state
    logits: Tensor = model.lm_head(hidden[step_input.targets >= 0])
    return logits
