"""The masked objective: a small BERT that fills whole objects and single tokens; an ``Objective``.

What belongs here: its network, the masked tokens of a step, and their logits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from models_gpu.atlas.packing import StepInput, unpack

if TYPE_CHECKING:
    from models_gpu.atlas.corpus_files import TokenisedText
    from models_gpu.atlas.recipe import Recipe

__all__ = ["asked_logits", "network", "step"]


def network(tokenizer: PreTrainedTokenizerFast, recipe: Recipe) -> BertForMaskedLM:
    """Create a BERT of the recipe's size with random weights."""
    return BertForMaskedLM(
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


def step(
    text: TokenisedText,
    batch: Tensor,
    tokenizer: PreTrainedTokenizerFast,
    recipe: Recipe,
    chance: torch.Generator,
) -> StepInput:
    """Unpack the sentences of one step and draw its masked tokens."""
    rows = unpack(text, batch, recipe.row_tokens)
    shape, order, is_token = rows.ids.shape, rows.order, rows.is_token
    ids = torch.where(is_token, rows.ids, tokenizer.pad_token_id)
    padded = (len(batch), batch.shape[1] + 1)

    is_object = text.is_object[rows.place] & is_token
    is_subject = text.is_subject[rows.place] & is_token
    per_sentence = torch.rand((2, *padded), generator=chance)
    per_token = torch.rand((2, *shape), generator=chance)
    random_ids = torch.randint(len(tokenizer), shape, generator=chance)
    has_object = torch.zeros(padded, dtype=torch.bool).scatter_(
        1, order.masked_fill(~is_object, batch.shape[1]), True
    )
    has_object[:, -1] = False
    is_whole = has_object & (per_sentence[0] < recipe.object_mask_rate)
    is_bare = is_whole & (per_sentence[1] < recipe.name_mask_rate)
    in_whole, in_bare = is_whole.gather(1, order), is_bare.gather(1, order)
    is_inner = is_token & (rows.positions > 0) & (rows.positions < text.lengths[rows.sentence] - 1)
    is_drawn = ~in_whole & is_inner & (per_token[0] < recipe.token_mask_rate)
    is_hidden = (in_whole & is_object) | (in_bare & is_subject)
    is_masked = is_hidden | (is_drawn & (per_token[1] < 0.8))
    inputs = ids.masked_fill(is_masked, tokenizer.mask_token_id)
    inputs = torch.where(is_drawn & (per_token[1] >= 0.9), random_ids, inputs)
    targets = torch.where(is_hidden | is_drawn, ids, -1)
    attention_mask = (order[:, :, None] == order[:, None, :])[:, None]
    return StepInput(inputs, targets, attention_mask, rows.positions)


def asked_logits(model: BertForMaskedLM, step_input: StepInput) -> Tensor:
    """Compute the logits of the target tokens, ``[targets, vocabulary]``."""
    logits: Tensor = model.cls(_asked_states(model, step_input))
    return logits


def _asked_states(model: BertForMaskedLM, step_input: StepInput) -> Tensor:
    """Compute ``model.bert``'s last hidden states of the target tokens, ``[targets, hidden]``.

    The last layer is computed for these tokens only, because no other last state enters the loss.
    This saves a fifth of a step's work.
    """
    bert = model.bert
    hidden = bert.embeddings(input_ids=step_input.ids, position_ids=step_input.positions)
    for layer in bert.encoder.layer[:-1]:
        hidden = _layer(layer, hidden, hidden, step_input.attention_mask)
    is_asked = step_input.targets >= 0
    most = int(is_asked.sum(1).max())
    # Targets first, in their order; rows with fewer targets are filled up with other tokens.
    places = (~is_asked).to(torch.uint8).argsort(dim=1, stable=True)[:, :most]
    asking = hidden.gather(1, places[:, :, None].expand(-1, -1, hidden.shape[2]))
    seen = step_input.attention_mask.gather(
        2, places[:, None, :, None].expand(-1, 1, -1, hidden.shape[1])
    )
    return _layer(bert.encoder.layer[-1], asking, hidden, seen)[is_asked.gather(1, places)]


def _layer(layer: Any, asking: Tensor, hidden: Tensor, attention_mask: Tensor) -> Tensor:
    """Run one transformer layer for some tokens of each row: ``[rows, asking, hidden]``."""
    # The stubs of BertLayer type its parts as any module.
    attention = layer.attention.self

    def heads(states: Tensor) -> Tensor:
        count = attention.num_attention_heads
        return states.view(*states.shape[:2], count, -1).transpose(1, 2)

    mixed = torch.nn.functional.scaled_dot_product_attention(
        heads(attention.query(asking)),
        heads(attention.key(hidden)),
        heads(attention.value(hidden)),
        attn_mask=attention_mask,
    )
    attended = layer.attention.output(mixed.transpose(1, 2).flatten(2), asking)
    output: Tensor = layer.output(layer.intermediate(attended), attended)
    return output
