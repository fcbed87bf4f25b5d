"""Arithmetic in float64: for differences of log-probabilities below the error of float32.

What belongs here: running a loaded model in another precision for a while. What does not: the
precision in which a model is loaded (``models_gpu.loading.load``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain

import torch

from models_gpu.loading.load import LoadedModel

__all__ = ["in_float64"]


@contextmanager
def in_float64(model: LoadedModel) -> Iterator[LoadedModel]:
    """Run a model in float64: weights are widened for a while, and are the old ones afterwards.

    Takes twice the memory of float32 weights on top of them. Apple's devices (MPS) have no float64;
    there the model is used as it is. Families that compute a norm or a softmax in float32 whatever
    their weights are (Llama and relatives) keep that error.

    Args:
        model: not used by another thread meanwhile.

    Yields:
        The same model with ``dtype`` float64.
    """
    if model.device.type == "mps":
        yield model
        return
    module = model.view.model
    tensors = [t for t in chain(module.parameters(), module.buffers()) if t.is_floating_point()]
    originals = [tensor.data for tensor in tensors]
    try:
        for tensor in tensors:
            tensor.data = tensor.data.double()
        yield replace(model, dtype=torch.float64)
    finally:
        for tensor, original in zip(tensors, originals, strict=True):
            tensor.data = original
        model.release_memory()
