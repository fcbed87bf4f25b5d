"""Projected gradients: the gradient of each sample's loss, in a few numbers per weight matrix.

What belongs here: per-sample gradients of a batch, and their random projection. What does not:
which losses are compared (``models_gpu.methods.text_gradients``). Definitions:
docs/signals.md#text-gradients.

The gradient of a loss with respect to a linear map's weights is the sum over positions of the
outer product of output gradient d and input x. Its projection from both sides, A (Σ d xᵀ) Bᵀ, is
Σ (A d)(B x)ᵀ: so the gradients of all samples of a batch come from one backward pass, and no
gradient is ever as large as the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from models_gpu.engine.devices import device_plan
from models_gpu.engine.object_losses import equal_lengths
from models_gpu.loading.load import LoadedModel
from models_gpu.progress import Progress
from models_gpu.seeded import generator
from models_gpu.settings import TextGradientSettings

__all__ = ["Sample", "linear_maps", "projected_gradients", "projection"]


@dataclass(frozen=True)
class Sample:
    """One loss: ``scale`` times the sum of -log P of some tokens."""

    inputs: Sequence[Sequence[int]]
    """Token ids of its inputs, all of one length."""
    targets: Sequence[tuple[int, int, int]]
    """Input, position whose output predicts the token, and the token's id."""
    scale: float
    """Factor on the sum."""


def projected_gradients(
    model: LoadedModel,
    samples: Sequence[Sample],
    settings: TextGradientSettings,
    progress: Progress | None = None,
) -> torch.Tensor:
    """Compute the projected gradient of every sample's loss.

    Only the linear maps inside the transformer layers count: gradients of embeddings and decoder
    mostly say which tokens a text has.

    Args:
        model: from ``models_gpu.loading.load``; its weights get no gradients.
        samples: the losses.
        settings: width and seed of the projections.
        progress: called with samples done and samples in all.

    Returns:
        ``[samples, maps * width * width]`` float32 on the host, in the order of the samples. They
        do not depend on the batches, up to rounding.
    """
    maps = linear_maps(model)
    width = settings.width
    result = torch.empty(len(samples), len(maps) * width * width)
    budget = device_plan(model.device).kept_token_budget
    done = 0
    with _recorded(model, maps, settings) as recorded:
        # Samples of one shape share a batch without padding.
        by_shape: dict[int, list[int]] = {}
        for place, sample in enumerate(samples):
            by_shape.setdefault(len(sample.inputs), []).append(place)
        for copies, places in sorted(by_shape.items()):
            lengths = [copies * len(samples[place].inputs[0]) for place in places]
            for group in equal_lengths(lengths, budget):
                chosen = [places[index] for index in group]
                recorded.clear()
                _backward(model, [samples[place] for place in chosen])
                parts = [
                    _per_sample(recorded[name], len(chosen)).flatten(1) for name in sorted(maps)
                ]
                result[chosen] = torch.cat(parts, dim=1).float().cpu()
                done += len(chosen)
                if progress is not None:
                    progress(done, len(samples))
    return result


def linear_maps(model: LoadedModel) -> dict[str, nn.Module]:
    """Find the linear maps inside the transformer layers, by layer and path."""
    return {
        f"{index}.{path}": module
        for index, layer in enumerate(model.view.layers)
        for path, module in layer.named_modules()
        if isinstance(module, nn.Linear | Conv1D)
    }


def projection(name: str, side: str, width: int, size: int, seed: int) -> torch.Tensor:
    """Random matrix ``[width, size]`` with independent normal entries of variance 1 / width.

    It depends on the names and the seed only, so that queries and texts share it.
    """
    draws = generator(seed, "projection", name, side).standard_normal((width, size))
    return torch.from_numpy(draws / width**0.5).float()


def _per_sample(pair: list[torch.Tensor], count: int) -> torch.Tensor:
    """Sum the outer products of a batch: ``[samples, width, width]``."""
    inputs, gradients = pair
    inputs = inputs.reshape(count, -1, inputs.shape[-1])
    gradients = gradients.reshape(count, -1, gradients.shape[-1])
    return torch.einsum("bti,btj->bij", gradients, inputs)


@contextmanager
def _recorded(
    model: LoadedModel, maps: dict[str, nn.Module], settings: TextGradientSettings
) -> Iterator[dict[str, list[torch.Tensor]]]:
    """Record the projected inputs and output gradients of every map while the model runs."""
    found: dict[str, list[torch.Tensor]] = {}
    handles = []

    def watch(name: str, module: nn.Module) -> None:
        sides: dict[str, torch.Tensor] = {}

        def matrix(side: str, size: int) -> torch.Tensor:
            if side not in sides:
                own = projection(name, side, settings.width, size, settings.seed)
                sides[side] = own.to(model.device)
            return sides[side]

        def forward(_: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
            x = inputs[0].detach().float()
            x = x @ matrix("input", x.shape[-1]).T
            found[name] = [x]

            def backward(gradient: torch.Tensor) -> None:
                d = gradient.detach().float()
                found[name].append(d @ matrix("output", d.shape[-1]).T)

            output.register_hook(backward)  # type: ignore[no-untyped-call]

        handles.append(module.register_forward_hook(forward))

    for name, module in maps.items():
        watch(name, module)
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _backward(model: LoadedModel, samples: Sequence[Sample]) -> None:
    """Run one batch forward and back; the sum of losses keeps samples apart."""
    device = model.device
    tokens = torch.tensor([ids for one in samples for ids in one.inputs], device=device)
    copies = len(samples[0].inputs)
    rows = [
        (number * copies + copy, position, token, one.scale)
        for number, one in enumerate(samples)
        for copy, position, token in one.targets
    ]
    inputs, positions, golds, scales = zip(*rows, strict=True)
    with torch.enable_grad(), _differentiable_embeddings(model):
        hidden = model.view.encode(tokens, None)
        logits = model.view.compute_logits(
            hidden[torch.tensor(inputs, device=device), torch.tensor(positions, device=device)]
        )
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        log_probs = logits.log_softmax(-1).gather(
            1, torch.tensor(golds, device=device)[:, None].long()
        )[:, 0]
        loss = -(log_probs * torch.tensor(scales, device=device)).sum()
        loss.backward()  # type: ignore[no-untyped-call]


@contextmanager
def _differentiable_embeddings(model: LoadedModel) -> Iterator[None]:
    """Make the embeddings' output the leaf of the graph, so that no weight needs a gradient."""

    def start(_: nn.Module, __: Any, output: torch.Tensor) -> torch.Tensor:
        return output.detach().requires_grad_(True)

    handle = model.view.embeddings.register_forward_hook(start)
    try:
        yield
    finally:
        handle.remove()
