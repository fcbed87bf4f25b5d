"""Layers read and patched the plain way: one query at a time, transformers' own forward, hooks.

Only the list of layers of ``ModelView`` is shared with ``models_gpu``; norms and heads are named
here for every family.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from models_gpu.loading.load import LoadedModel


def layer_outputs(model: LoadedModel, tokens: Sequence[int]) -> list[torch.Tensor]:
    """What each layer returns for one query: ``[length, hidden]``."""
    kept: list[torch.Tensor] = []

    def keep(_: Any, __: Any, output: Any) -> None:
        kept.append((output[0] if isinstance(output, tuple) else output)[0].clone())

    handles = [layer.register_forward_hook(keep) for layer in model.view.layers]
    with torch.no_grad():
        model.view.model(input_ids=torch.tensor([list(tokens)]))
    for handle in handles:
        handle.remove()
    return kept


def head_logits(model: LoadedModel, states: torch.Tensor) -> torch.Tensor:
    """Logits ``[rows, vocabulary]`` of what a layer returns: final norm, head, cap."""
    plain: Any = model.view.model
    family = model.family.name
    with torch.no_grad():
        if family == "bert":
            return plain.cls(states)
        if family in ("roberta", "xlm-roberta"):
            return plain.lm_head(states)
        if family == "distilbert":
            inner = plain.vocab_layer_norm(plain.activation(plain.vocab_transform(states)))
            return plain.vocab_projector(inner)
        if family == "modernbert":
            return plain.decoder(plain.head(plain.model.final_norm(states)))
        if family in ("gpt2", "bloom"):
            norm = plain.transformer.ln_f
        else:
            norm = plain.gpt_neox.final_layer_norm if family == "gpt_neox" else plain.model.norm
        logits = plain.lm_head(norm(states))
        cap = getattr(plain.config, "final_logit_softcapping", None)
        return logits if cap is None else cap * torch.tanh(logits / cap)


def patched_logits(
    model: LoadedModel, tokens: Sequence[int], layer: int, put: Mapping[int, torch.Tensor]
) -> torch.Tensor:
    """Logits ``[length, vocabulary]`` with the layer's output replaced at some positions."""

    def replace(_: Any, __: Any, output: Any) -> Any:
        states = (output[0] if isinstance(output, tuple) else output).clone()
        for position, state in put.items():
            states[0, position] = state
        return (states, *output[1:]) if isinstance(output, tuple) else states

    handle = model.view.layers[layer].register_forward_hook(replace)
    with torch.no_grad():
        logits: torch.Tensor = model.view.model(input_ids=torch.tensor([list(tokens)])).logits[0]
    handle.remove()
    return logits


def object_scores(
    logits: torch.Tensor, positions: Sequence[int], gold: Sequence[int]
) -> tuple[float, int]:
    """Log-probability of the object, summed over its tokens, and the worst rank of one."""
    log_probs = logits[list(positions)].log_softmax(-1)
    own = [float(log_probs[i, token]) for i, token in enumerate(gold)]
    ranks = [1 + int((log_probs[i] > own[i]).sum()) for i in range(len(gold))]
    return sum(own), max(ranks)
