"""Integrated gradients as docs/method.md#integrated-gradients defines them, one point at a time.

Only the module lists of ``ModelView`` are shared with ``models_gpu``. Every point is a full forward
pass of the model's own ``forward``, with a hook that replaces the neurons in the down projection's
input, and a full backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from models_gpu.loading.load import LoadedModel


@dataclass(frozen=True)
class Plain:
    """Attribution of one layer's neurons to one predicted token."""

    scores: torch.Tensor
    """``[units]``."""
    clean: float
    """F at the clean neurons."""
    baseline: float
    """F at the baseline, mean over baselines."""


def plain_attribution(
    model: LoadedModel,
    tokens: Sequence[int],
    position: int,
    target: int,
    layer: int,
    mode: str,
    points: Sequence[float],
    weights: Sequence[float],
    replaced: Sequence[int] = (),
    blank: int = 0,
) -> Plain:
    """Attribute one token; each baseline has one ``replaced`` position set to ``blank``.

    In mode 'zero_norm_held' the norm behind the down projection is replaced by the map that divides
    by its clean denominator.
    """
    ids = torch.tensor([list(tokens)])
    clean = neurons(model, ids, layer, position)
    baselines = []
    for place in replaced:
        changed = ids.clone()
        changed[0, place] = blank
        baselines.append(neurons(model, changed, layer, position))
    held = _HeldNorm(model, ids, layer, position) if mode == "zero_norm_held" else nullcontext()
    lines = {
        "zero": [(torch.zeros_like(clean), clean)],
        "zero_norm_held": [(torch.zeros_like(clean), clean)],
        "amig": [(b, clean - b) for b in baselines],
    }
    if baselines:
        mean = torch.stack(baselines).mean(0)
        lines["amig_mean"] = [(mean, clean - mean)]
        lines["amig_code"] = [(mean, clean)]
    scores = torch.zeros_like(clean)
    ends = []
    with held:
        for begin, prefactor in lines[mode]:
            for point, weight in zip(points, weights, strict=True):
                value = (begin + point * (clean - begin)).requires_grad_()
                answer(model, ids, layer, position, target, value).backward()
                assert value.grad is not None
                scores += prefactor * weight * value.grad
            ends.append(float(answer(model, ids, layer, position, target, begin)))
        end = float(answer(model, ids, layer, position, target, clean))
    return Plain(scores.detach(), end, sum(ends) / len(ends))


class _HeldNorm:
    """Lets a layer's norm behind the FFN multiply by its clean 1 / √(mean square + ε)."""

    def __init__(self, model: LoadedModel, ids: torch.Tensor, layer: int, position: int) -> None:
        self.norm = model.view.layers[layer].post_feedforward_layernorm
        kept: list[torch.Tensor] = []
        handle = self.norm.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
        with torch.no_grad():
            model.view.model(input_ids=ids)
        handle.remove()
        clean = kept[0][0, position]
        # OLMo names ε otherwise, and multiplies by the weight itself.
        is_olmo = hasattr(self.norm, "variance_epsilon")
        epsilon = self.norm.variance_epsilon if is_olmo else self.norm.eps
        weight = self.norm.weight if is_olmo else 1 + self.norm.weight
        self.scale = weight / (clean.square().mean() + epsilon).sqrt()
        self.position = position

    def __enter__(self) -> None:
        self.handle = self.norm.register_forward_hook(self._linear)

    def __exit__(self, *_: object) -> None:
        self.handle.remove()

    def _linear(self, _: object, inputs: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
        output = output.clone()
        output[0, self.position] = inputs[0][0, self.position] * self.scale
        return output


def neurons(model: LoadedModel, ids: torch.Tensor, layer: int, position: int) -> torch.Tensor:
    """Get the activations of the layer's neurons at the position: ``[units]``."""
    kept = []
    down = model.view.down_projections[layer]
    handle = down.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
    with torch.no_grad():
        model.view.model(input_ids=ids)
    handle.remove()
    return kept[0][0, position].clone()


def answer(
    model: LoadedModel,
    ids: torch.Tensor,
    layer: int,
    position: int,
    target: int,
    value: torch.Tensor,
) -> torch.Tensor:
    """Compute P(target) at the position with the layer's neurons set to ``value`` there."""

    def put(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
        states = inputs[0].clone()
        states[0, position] = value
        return (states,)

    handle = model.view.down_projections[layer].register_forward_pre_hook(put)
    logits = model.view.model(input_ids=ids).logits
    handle.remove()
    return logits[0, position].softmax(-1)[target]
