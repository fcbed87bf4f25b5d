"""Inspection: every check of a model that is possible without its weights, and its card.

What belongs here: configuration, headers of weight files, tokenizer. What does not: identifying the
weights (``models_gpu.loading.source``), loading them (``models_gpu.loading.load``). torch and
transformers are imported when ``inspect`` is called.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingestion.errors import first_line
from ingestion.restricted import RestrictedError
from models_gpu.errors import ModelError
from models_gpu.loading.families import Architecture, ModelView, architecture, architectures
from models_gpu.loading.local_files import kept_inside
from models_gpu.loading.source import ResolvedModel
from models_gpu.loading.spec import ModelSpec
from models_gpu.loading.tokenizers import load_tokenizer, tokenizer_hash
from models_gpu.loading.weight_files import check_tensors, read_json, read_tensors, weight_files

__all__ = ["ModelCard", "empty_model", "family_of", "inspect"]

_MOST_LAYERS = 10_000
"""Layers of a model whose weights are pickled, so that their tensors cannot be counted."""
_LAYER_COUNTS = (
    *("num_hidden_layers", "num_layers", "n_layer", "n_layers"),
    *("encoder_layers", "decoder_layers"),
)
"""Keys of config.json with a number of layers."""
_MOST_LABELS = 100_000
"""transformers makes a name for each of ``num_labels``."""


@dataclass(frozen=True)
class ModelCard:
    """What is known about a model without its weights; the columns of the lake table ``models``."""

    model_id: str
    """Name of the model in the study."""
    source: str
    """Hub name or folder, as the study gives it."""
    revision: str
    """Commit of a hub model; 'sha256:…' over the weights of a local one."""
    architecture: str
    """Family, a name in ``architectures.yml``."""
    objective: str
    """'masked' or 'causal' language modelling."""
    layer_count: int
    """Transformer layers."""
    neuron_count: int
    """FFN neurons per layer."""
    hidden_size: int
    """Width of the residual stream."""
    vocabulary_size: int
    """Rows of the output projection."""
    parameter_count: int
    """Parameters in the weight files; of the model's class if the weights are pickled."""
    tokenizer_hash: str
    """SHA-256 over the tokenizer's serialised state, first 16 hex digits."""
    ignored_token_id: int | None
    """Id of the token that is dropped before predictions and objects are compared; None: none."""
    dtype: str
    """Arithmetic of the forward pass."""
    mask_counts: str
    """'gold' or 'all'."""
    example_count: int
    """Solved queries before every query."""
    chat_message: str | None
    """Message of the user in a chat whose reply begins with the query; None: no chat."""


def inspect(resolved: ResolvedModel) -> ModelCard:
    """Check a model's configuration, the headers of its weight files, and its tokenizer.

    Raises:
        ModelError: a missing or broken config.json, an unknown architecture, Python code of the
            model's authors that would have to run, missing, truncated or pickled weights, missing
            tensors or tensors of another shape, vocabularies of different sizes in weights
            and configuration, a missing tokenizer or mask token, or a mask without an embedding.
    """
    spec = resolved.spec
    folder = resolved.fetch()
    try:
        with kept_inside(spec, folder):
            return _inspect(resolved, folder)
    except (ModelError, RestrictedError) as error:
        raise ModelError(f"model '{spec.model_id}' in {folder}: {error}") from error


def family_of(spec: ModelSpec, folder: Path) -> Architecture:
    """Find the family of the model in ``folder`` by its config.json.

    Raises:
        ModelError: no readable config.json, or a family that is not in the table.
    """
    config = read_json(folder / "config.json", spec.within)
    model_type = config.get("model_type")
    if not isinstance(model_type, str):
        raise ModelError("config.json names no model_type, so its architecture is unknown")
    if model_type not in architectures() and "auto_map" in config and not spec.trust_remote_code:
        raise ModelError(
            f"architecture '{model_type}' is Python code in the model's repository (auto_map in "
            "config.json), which is not run unless the study says trust_remote_code: true; and it "
            "needs a block in models_gpu/loading/architectures.yml. Supported: "
            f"{', '.join(architectures())}."
        )
    return architecture(model_type)


def _inspect(resolved: ResolvedModel, folder: Path) -> ModelCard:
    spec = resolved.spec
    family = family_of(spec, folder)
    if family.is_causal and spec.mask_counts != "gold":
        raise ModelError(
            f"mask_counts is '{spec.mask_counts}', but '{family.name}' is a causal model, which is "
            "queried without masks, for as many tokens as the object has; leave mask_counts out"
        )

    tensors = read_tensors(weight_files(folder, spec), spec.within)
    config = read_json(folder / "config.json", spec.within)
    _check_sizes(config, len(tensors) or _MOST_LAYERS)
    model = empty_model(family, folder)
    vocabulary_size = int(model.config.to_dict()["vocab_size"])
    if tensors:
        check_tensors(model, family, vocabulary_size, tensors)
        parameter_count = sum(math.prod(tensor.shape) for tensor in tensors.values())
    else:
        parameter_count = sum(parameter.numel() for parameter in model.parameters())
    tokenizer = load_tokenizer(spec, folder)
    _check_tokenizer(tokenizer, family, vocabulary_size)
    view = ModelView(model, family)
    return ModelCard(
        model_id=spec.model_id,
        source=spec.source,
        revision=resolved.revision,
        architecture=family.name,
        objective=family.objective,
        layer_count=len(view.layers),
        neuron_count=view.neuron_count,
        hidden_size=view.hidden_size,
        vocabulary_size=vocabulary_size,
        parameter_count=parameter_count,
        tokenizer_hash=tokenizer_hash(tokenizer),
        ignored_token_id=family.ignored_token_id(tokenizer),
        dtype=spec.dtype,
        mask_counts=spec.mask_counts,
        example_count=spec.examples,
        chat_message=spec.chat,
    )


def _check_sizes(config: Mapping[str, Any], most_layers: int) -> None:
    """Check numbers that transformers builds lists and modules from, before it does so.

    Args:
        config: config.json, or a block of it.
        most_layers: tensors in the weight files: a layer has at least one.

    Raises:
        ModelError: the configuration asks for more than the weight files can hold.
    """
    for key, value in config.items():
        if isinstance(value, dict):
            _check_sizes(value, most_layers)
        most = most_layers if key in _LAYER_COUNTS else None
        if key == "num_labels":
            most = _MOST_LABELS
        if most is not None and isinstance(value, int) and value > most:
            raise ModelError(
                f"config.json says {key} {value:,}, but there can be at most {most:,}: weights "
                "and configuration do not belong together"
            )


def empty_model(family: Architecture, folder: Path) -> Any:
    """Make a model without weights from config.json.

    Raises:
        ModelError: the configuration makes no model of its family.
    """
    import torch
    import transformers

    try:
        config: Any = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        with torch.device("meta"):
            # config.json can wish for an attention that is not installed.
            model: Any = family.model_class.from_config(
                config, attn_implementation=family.attention
            )
        model.tie_weights()
        int(config.to_dict()["vocab_size"])
        family.usable_positions(config.to_dict())
        if not ModelView(model, family).layers:
            raise ModelError("it has no layers")
        _check_direction(config, family)
    # The classes of transformers check little, so that any error can come out of them.
    except Exception as error:
        raise ModelError(
            f"config.json makes no model of the family '{family.name}': "
            f"{type(error).__name__}: {first_line(error)}. Compare it with the one that the model "
            "was published with."
        ) from error
    return model


def _check_direction(config: Any, family: Architecture) -> None:
    """Check that tokens attend to each other as in all models of the family.

    Raises:
        ModelError: a masked model attends to earlier tokens only, or a causal one to later ones.
    """
    key = "use_bidirectional_attention" if family.is_causal else "is_decoder"
    if getattr(config, key, False):
        raise ModelError(f"it says {key}, and models of this family are not asked so")


def _check_tokenizer(tokenizer: Any, family: Architecture, vocabulary_size: int) -> None:
    if not family.is_causal and tokenizer.mask_token_id is None:
        raise ModelError(
            f"the tokenizer ({type(tokenizer).__name__}) has no mask token, which a masked "
            "language model needs; name it as mask_token in tokenizer_config.json"
        )
    if not family.is_causal and tokenizer.mask_token_id >= vocabulary_size:
        raise ModelError(
            f"the mask has the id {tokenizer.mask_token_id}, but the model {vocabulary_size} "
            "embeddings: they do not belong together. Use the tokenizer that the model was trained "
            "with."
        )
