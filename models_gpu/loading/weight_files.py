"""Weight files: finding them, and checking their tensors without reading their values.

What belongs here: safetensors headers, indexes of shards, pickles. What does not: configuration and
tokenizer (``models_gpu.loading.inspection``).
"""

from __future__ import annotations

import json
import re
import struct
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.errors import first_line
from ingestion.restricted import open_file, read_bytes
from models_gpu.errors import ModelError
from models_gpu.loading.local_files import check_names

if TYPE_CHECKING:
    from models_gpu.loading.families import Architecture
    from models_gpu.loading.spec import ModelSpec

__all__ = ["Tensor", "check_tensors", "read_json", "read_tensors", "weight_files"]

_WEIGHTS, _WEIGHTS_INDEX = "model.safetensors", "model.safetensors.index.json"
_PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")
# Names of tensors in old checkpoints; transformers renames them while loading.
_RENAMED = {
    "LayerNorm.gamma": "LayerNorm.weight",
    "LayerNorm.beta": "LayerNorm.bias",
    "embed_out.": "lm_head.",
}
# Masks and angles that old checkpoints of GPT-2, GPT-NeoX and Llama hold; they follow from the
# configuration.
_NOT_WEIGHTS = re.compile(r"\.(?:attn|attention)\.(?:masked_)?bias$|\.rotary_emb\.inv_freq$")
# Other numbers are quantised: transformers would read them without their scales.
_WEIGHT_TYPES = ("F64", "F32", "F16", "BF16")
_LARGEST_HEADER = 100_000_000


@dataclass(frozen=True)
class Tensor:
    """One tensor in a weight file."""

    shape: tuple[int, ...]
    dtype: str
    """Type of its numbers, by its name in safetensors, such as BF16."""
    file: str


def weight_files(folder: Path, spec: ModelSpec) -> list[Path]:
    """Find the files with the weights, and their index if there is one.

    Raises:
        ModelError: no weights, missing shards of an index, an index that names files of another
            folder, or pickle files that are not allowed.
    """
    if not (folder / "config.json").is_file():
        raise ModelError(
            "there is no config.json, so this is not a transformers model; give the folder that "
            "model.save_pretrained(folder) wrote"
        )
    if (folder / _WEIGHTS).is_file():
        return [folder / _WEIGHTS]
    index = folder / _WEIGHTS_INDEX
    if index.is_file():
        weight_map = read_json(index, spec.within).get("weight_map")
        if not isinstance(weight_map, dict) or not all(map(_is_text, weight_map.values())):
            raise ModelError(
                f"{_WEIGHTS_INDEX} has no weight_map from tensors to files; copy or download it "
                "again"
            )
        check_names(_WEIGHTS_INDEX, weight_map.values())
        shards = sorted(set(weight_map.values()))
        absent = [shard for shard in shards if not (folder / shard).is_file()]
        if absent or not shards:
            raise ModelError(
                f"{_WEIGHTS_INDEX} names {len(shards)} weight files; {len(absent)} of them are "
                f"missing: {', '.join(absent[:3])}; copy or download them again"
            )
        return [index, *(folder / shard for shard in shards)]
    pickles = sorted({path for pattern in _PICKLES for path in folder.glob(pattern)})
    if pickles and spec.allow_pickle:
        return pickles
    if pickles:
        raise ModelError(
            f"the weights are in pickle files only ({pickles[0].name}), and reading a pickle can "
            "run code of its author. Convert it once, on a machine where this is safe: "
            "AutoModelForMaskedLM.from_pretrained(folder).save_pretrained(folder) writes "
            f"{_WEIGHTS} (AutoModelForCausalLM for a causal model). Or set allow_pickle: true for "
            "this model in the study."
        )
    raise ModelError(f"there are no weights: neither {_WEIGHTS} nor {_WEIGHTS_INDEX}")


def read_tensors(files: list[Path], within: Path | None = None) -> dict[str, Tensor]:
    """Read the shapes of all tensors in safetensors files; other files are ignored.

    Args:
        files: paths.
        within: folder of a restricted study, which they must lie in.

    Raises:
        ModelError: a truncated file, or no safetensors file.
    """
    return {
        name: tensor
        for path in files
        if path.suffix == ".safetensors"
        for name, tensor in _read_header(path, within).items()
    }


def _read_header(path: Path, within: Path | None) -> dict[str, Tensor]:
    """Read the shapes of the tensors in a safetensors file, and check that the file is complete."""
    size = path.stat().st_size
    again = "; copy or download it again"
    with open_file(path, within) as file:
        prefix = file.read(8)
        if len(prefix) < 8:
            raise ModelError(f"{path.name} is cut off: it has {size} bytes{again}")
        (length,) = struct.unpack("<Q", prefix)
        if length > min(size - 8, _LARGEST_HEADER):
            raise ModelError(
                f"{path.name} is cut off or no safetensors file: its header should have {length} "
                f"bytes, the file has {size}{again}"
            )
        header = _as_json(file.read(length), f"the header of {path.name}")
    header.pop("__metadata__", None)
    try:
        ends = [_end_of(entry) for entry in header.values()]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"the header of {path.name} does not describe its tensors ({error!r}){again}"
        ) from error
    end = max(ends, default=0)
    if size < 8 + length + end:
        raise ModelError(
            f"{path.name} is cut off: it should have {8 + length + end} bytes, it has {size}{again}"
        )
    return {
        name: Tensor(tuple(entry["shape"]), str(entry["dtype"]), path.name)
        for name, entry in header.items()
    }


def _end_of(entry: dict[str, Any]) -> int:
    """Where the bytes of a tensor end, by its entry in a header."""
    start, end = entry["data_offsets"]
    if "dtype" not in entry:
        raise KeyError("dtype")
    if not all(isinstance(number, int) for number in (start, end, *entry["shape"])):
        raise TypeError("no integers")
    if not 0 <= start <= end:
        raise ValueError(f"data_offsets {start}, {end}")
    return int(end)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def check_tensors(
    model: Any, family: Architecture, vocabulary_size: int, tensors: dict[str, Tensor]
) -> None:
    """Check that weight files hold every tensor of a model in its shape.

    Args:
        model: the transformers model on the meta device, with tied weights.
        family: the model's family.
        vocabulary_size: from config.json.
        tensors: from ``read_tensors``.

    Raises:
        ModelError: a missing tensor, a tensor of another shape or of quantised numbers, a tensor of
            a layer that the model has no place for, another number of embeddings or layers.
    """
    found: dict[str, Tensor] = {}
    # A checkpoint saved from the bare encoder lacks the backbone's prefix.
    bare = not any(name.startswith(f"{family.backbone}.") for name in tensors)
    for name, tensor in tensors.items():
        for old, new in _RENAMED.items():
            name = name.replace(old, new)
        found[f"{family.backbone}.{name}" if bare else name] = tensor

    embeddings = found.get(f"{family.embeddings}.weight")
    if embeddings is not None and embeddings.shape[0] != vocabulary_size:
        raise ModelError(
            f"{embeddings.file} has {embeddings.shape[0]} embeddings but config.json says "
            f"vocab_size {vocabulary_size}: weights and configuration do not belong together"
        )
    groups: dict[int, list[str]] = defaultdict(list)
    shapes: dict[str, tuple[int, ...]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        groups[id(parameter)].append(name)
        shapes[name] = tuple(parameter.shape)
    # Tied tensors are stored once, under any of their names.
    missing = [names[0] for names in groups.values() if not any(name in found for name in names)]
    if missing:
        raise ModelError(
            f"{len(missing)} tensors of {type(model).__name__} are not in the weight files and "
            f"would be random: {', '.join(missing[:5])}. Use a checkpoint that was saved whole, "
            "with its language-modelling head."
        )
    layers = len(model.get_submodule(family.layers))
    beyond = re.compile(rf"{re.escape(family.layers)}\.(\d+)\.")
    left = [name for name in found if (at := beyond.match(name)) and int(at[1]) >= layers]
    if left:
        raise ModelError(
            f"config.json says {layers} layers, but the weight files have more (such as "
            f"{left[0]}): weights and configuration do not belong together"
        )
    known = {*shapes, *(name for name, _ in model.named_buffers())}
    strays = [
        name
        for name in found
        if beyond.match(name) and name not in known and not _NOT_WEIGHTS.search(name)
    ]
    if strays:
        raise ModelError(
            f"{len(strays)} tensors of its layers have no place in {type(model).__name__}, such as "
            f"{strays[0]}: the model was trained with something that transformers "
            "leaves out here. Merge adapters into the weights, or take another model."
        )
    for name, shape in shapes.items():
        if name in found and found[name].shape != shape:
            raise ModelError(
                f"tensor {name} has shape {found[name].shape} in {found[name].file}, config.json "
                f"asks for {shape}: weights and configuration do not belong together"
            )
        if name in found and found[name].dtype not in _WEIGHT_TYPES:
            raise ModelError(
                f"tensor {name} has numbers of type {found[name].dtype} in {found[name].file}, "
                f"which are no weights before they are scaled: use a checkpoint in "
                f"{', '.join(_WEIGHT_TYPES)}"
            )


def read_json(path: Path, within: Path | None = None) -> dict[str, Any]:
    """Read a JSON object from a file.

    Raises:
        ModelError: no such file, or no JSON object in it.
    """
    try:
        return _as_json(read_bytes(path, within), path.name)
    except FileNotFoundError as error:
        raise ModelError(f"there is no {path.name}") from error


def _as_json(content: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{name} is not valid JSON: {first_line(error)}") from error
    if not isinstance(found, dict):
        raise ModelError(f"{name} holds no JSON object")
    return found
