"""Loading: weights and tokenizer on a device, ready for inference.

What belongs here: choosing the device, dtype and attention, reading weights, and what a forward
pass needs from the tokenizer. What does not: identifying a model (``models_gpu.loading.source``),
checks without weights (``models_gpu.loading.inspection``).
"""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig
from transformers.utils import logging as reports

from ingestion.errors import first_line
from models_gpu.errors import ModelError
from models_gpu.loading.families import Architecture, ModelView, architecture
from models_gpu.loading.inspection import empty_model, family_of
from models_gpu.loading.local_files import kept_inside
from models_gpu.loading.source import ResolvedModel
from models_gpu.loading.spec import ModelSpec
from models_gpu.loading.tokenizers import load_tokenizer, unknown_token_ids
from models_gpu.loading.weight_files import weight_files

__all__ = ["LoadedModel", "choose_device", "load", "without_weights", "wrap"]

LOG = logging.getLogger("factroots")


@dataclass(frozen=True)
class LoadedModel:
    """A model on its device with its tokenizer, in evaluation mode and without gradients."""

    view: ModelView
    """The model, with the module names of its family."""
    tokenizer: Any
    """Fast tokenizer of transformers."""
    encoder: Any
    """A copy of the tokenizer's Rust core without padding and truncation. Calls of ``tokenizer``
    can switch both on in the original core, and leave them on."""
    device: torch.device
    """Where the weights are."""
    dtype: torch.dtype
    """Arithmetic of the forward pass."""
    mask_token_id: int | None
    """Id of the mask token; None for a causal model."""
    start_token_id: int | None
    """Token of an otherwise empty prompt: beginning of text, else end of text, else the token that
    opens a sequence; None if the tokenizer has none of them."""
    end_token_id: int | None
    """End of text: of the tokenizer, else of config.json (of several ids the first); None: none."""
    pad_token_id: int
    """Id that pads shorter queries on the right. In a causal model any id works, because no token
    attends to later ones."""
    ignored_token_id: int | None
    """Id of the token that is dropped before predictions and objects are compared; None: none."""
    unknown_token_ids: frozenset[int]
    """Ids that stand for text which the vocabulary lacks."""
    position_count: int | None
    """Longest query in tokens, special ones included; None: no limit."""

    @property
    def family(self) -> Architecture:
        """The model's block of ``architectures.yml``."""
        return self.view.family

    def release_memory(self) -> None:
        """Return memory that torch has cached to the device."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        elif self.device.type == "mps":
            torch.mps.empty_cache()


def choose_device() -> torch.device:
    """Choose FACTROOTS_DEVICE if it is set; else CUDA if there is a device, else MPS, else the CPU.

    Raises:
        ModelError: FACTROOTS_DEVICE names no device of this machine.
    """
    if wanted := os.environ.get("FACTROOTS_DEVICE"):
        return _wanted_device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _wanted_device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    # torch raises AssertionError where it was built without a kind of device.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ModelError(
            f"the device '{name}' cannot be used here ({first_line(error)}); it can be cpu, cuda, "
            "cuda:N or mps"
        ) from error
    return device


def load(resolved: ResolvedModel, device: torch.device | str | None = None) -> LoadedModel:
    """Load a resolved model for inference.

    Weights are read from safetensors, unless ``allow_pickle`` is set. Python code of the model's
    authors is run only if ``trust_remote_code`` is set. The forward pass uses ``spec.dtype``. In
    float32, TensorFloat-32 is switched off, because its 10-bit mantissa changes predictions.

    Args:
        resolved: from ``models_gpu.loading.source.resolve``.
        device: the device; chosen by ``choose_device`` when None.

    Raises:
        ModelError: weights that are missing, have another shape, do not fit on the device, or lead
            out of the folder of a restricted study.
    """
    spec = resolved.spec
    folder = resolved.fetch()
    tokenizer = load_tokenizer(spec, folder)
    family = family_of(spec, folder)
    # Loading takes a second, so that progress bars only fill the log.
    reports.disable_progress_bar()
    try:
        with kept_inside(spec, folder):
            # Also of a hub model: its index names the files that are opened now.
            weight_files(folder, spec)
            model, report = _from_files(spec, folder, family)
    # The classes of transformers check little, so that any error can come out of them.
    except Exception as error:
        raise ModelError(f"model '{spec.model_id}': {folder} does not load: {error}") from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise ModelError(
            f"model '{spec.model_id}': {len(missing)} tensors are not in the weight files of "
            f"{folder} and would be random: {', '.join(missing[:5])}. Use a checkpoint that was "
            "saved with its language-modelling head."
        )
    loaded = wrap(model, tokenizer, device)
    if family.needs_start and not _puts_start(loaded):
        LOG.warning(
            "%s: the tokenizer puts no start token before a text, and %s models answer badly "
            "without it: add it to the post-processor of tokenizer.json, or take the tokenizer "
            "that the model was published with",
            spec.model_id,
            family.name,
        )
    return loaded


def _puts_start(model: LoadedModel) -> bool:
    """Whether a text begins with the tokenizer's start token."""
    token_ids = model.encoder.encode("x").ids
    return model.tokenizer.bos_token_id in token_ids[:1]


def _from_files(spec: ModelSpec, folder: Path, family: Architecture) -> tuple[Any, dict[str, Any]]:
    """The model with its weights, and transformers' report about them."""
    config: Any = AutoConfig.from_pretrained(
        folder, local_files_only=True, trust_remote_code=spec.trust_remote_code
    )
    # config.json can wish for an attention that is not installed.
    config._attn_implementation = family.attention
    model, report = family.model_class.from_pretrained(
        folder,
        config=config,
        local_files_only=True,
        use_safetensors=None if spec.allow_pickle else True,
        trust_remote_code=spec.trust_remote_code,
        dtype=getattr(torch, spec.dtype),
        attn_implementation=family.attention,
        output_loading_info=True,
    )
    return model, report


def without_weights(resolved: ResolvedModel) -> LoadedModel:
    """Make a model that can build queries and nothing else: no weights are read or downloaded.

    Raises:
        ModelError: configuration or tokenizer cannot be had, or make no model.
    """
    folder = resolved.fetch_description()
    family = family_of(resolved.spec, folder)
    return wrap(empty_model(family, folder), load_tokenizer(resolved.spec, folder), "meta")


def wrap(model: Any, tokenizer: Any, device: torch.device | str | None = None) -> LoadedModel:
    """Make a transformers model and its fast tokenizer ready for probing.

    Raises:
        ModelError: an architecture that is not in the table, no fast tokenizer, no mask token for a
            masked model, a mask without an embedding, a model too large for the device.
    """
    family = architecture(model.config.model_type)
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(f"{type(tokenizer).__name__} is not a fast tokenizer; convert it first")
    mask = None if family.is_causal else tokenizer.mask_token_id
    if mask is None and not family.is_causal:
        raise ModelError("the tokenizer has no mask token; a masked language model needs one")
    encoder = copy.deepcopy(tokenizer.backend_tokenizer)
    encoder.no_truncation()
    encoder.no_padding()
    target = choose_device() if device is None else torch.device(device)
    if target.type == "cuda" and model.dtype == torch.float32:
        torch.set_float32_matmul_precision("highest")
    try:
        model = model.to(target)
    except RuntimeError as error:
        raise ModelError(f"the model does not fit on {target}: {error}") from error
    model.eval().requires_grad_(False)
    # What config.json wishes for is no part of the weights.
    model.set_attn_implementation(family.attention)
    model.config.return_dict = True
    view = ModelView(model, family)
    # A tokenizer can have a few ids more: only what needs one of them is refused.
    count = view.vocabulary_size
    if mask is not None and mask >= count:
        raise ModelError(f"the mask has the id {mask}, but the model {count} embeddings")
    pads = (tokenizer.pad_token_id, getattr(model.config, "pad_token_id", None), 0)
    starts = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.cls_token_id)
    return LoadedModel(
        view=view,
        tokenizer=tokenizer,
        encoder=encoder,
        device=target,
        dtype=model.dtype,
        mask_token_id=mask,
        start_token_id=_first_of(starts, count),
        end_token_id=_end_token(model.config, tokenizer, count),
        pad_token_id=_first_of(pads, count) or 0,
        ignored_token_id=family.ignored_token_id(tokenizer),
        unknown_token_ids=unknown_token_ids(tokenizer),
        position_count=family.usable_positions(model.config.to_dict()),
    )


def _first_of(token_ids: Iterable[int | None], count: int) -> int | None:
    """Find the first id that is given and has one of ``count`` embeddings."""
    return next((int(t) for t in token_ids if t is not None and 0 <= t < count), None)


def _end_token(config: Any, tokenizer: Any, count: int) -> int | None:
    """Find the token that ends a text; config.json can name several."""
    named = getattr(config, "eos_token_id", None)
    several = named if isinstance(named, list | tuple) else [named]
    return _first_of((tokenizer.eos_token_id, *several), count)
