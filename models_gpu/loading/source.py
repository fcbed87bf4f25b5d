"""Where a model comes from: identifying it, fetching its files, and checking them without weights.

What belongs here: the study's description of a model, its exact identity (hub commit or digest of
the local files), and every check that is possible before a weight is read. What does not: loading
(``models_gpu.loading.load``). Importing this module imports neither torch nor transformers, so that
a preflight stays quick; ``inspect`` imports them when it is called.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from models_gpu.errors import ModelError
from models_gpu.loading.families import Architecture, ModelView, architecture, architectures

__all__ = [
    "Dtype",
    "MaskCounts",
    "ModelCard",
    "ModelSpec",
    "ResolvedModel",
    "family_of",
    "inspect",
    "load_tokenizer",
    "resolve",
    "tokenizer_hash",
]

Dtype = Literal["float32", "bfloat16", "float16"]
MaskCounts = Literal["gold", "all"]

_WEIGHTS, _WEIGHTS_INDEX = "model.safetensors", "model.safetensors.index.json"
_PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")
_VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
_TOKENIZER_FILES = (
    *_VOCABULARIES,
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
# Names that old checkpoints give to tensors; transformers renames them while loading.
_RENAMED = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
_LARGEST_HEADER = 100_000_000


@dataclass(frozen=True)
class ModelSpec:
    """One model of a study, as its user describes it."""

    model_id: str
    """Name of the model in the study and in every table."""
    source: str
    """A local folder, or a name on the Hugging Face hub such as 'google-bert/bert-base-cased'."""
    revision: str | None = None
    """Branch, tag or commit on the hub; None takes the default branch. Not for local folders."""
    dtype: Dtype = "float32"
    """Arithmetic of the forward pass."""
    mask_counts: MaskCounts = "gold"
    """'gold': queries with exactly the object's tokens; 'all': 1 to the longest object."""
    trust_remote_code: bool = False
    """Whether Python code that lies beside the weights may be run."""
    allow_pickle: bool = False
    """Whether weights may be read from pickles, which run code of whoever wrote them."""

    def __post_init__(self) -> None:
        """Raise ModelError for a value that is not one of those allowed."""
        for name, value, allowed in (
            ("dtype", self.dtype, get_args(Dtype)),
            ("mask_counts", self.mask_counts, get_args(MaskCounts)),
        ):
            if value not in allowed:
                raise ModelError(
                    f"model '{self.model_id}': {name} is '{value}'; it can be {', '.join(allowed)}"
                )


@dataclass(frozen=True)
class ResolvedModel:
    """A model whose exact weights are known."""

    spec: ModelSpec
    """What the study says."""
    revision: str
    """Commit of a hub model; 'sha256:…' over the weight files of a local one."""
    folder: Path | None
    """The local folder; None for a hub model, whose folder is known after ``fetch``."""
    fingerprint: str
    """16 hex digits that change when anything changes that predictions depend on: weights,
    configuration, tokenizer, arithmetic, mask counts."""
    tokenizer_fingerprint: str
    """Digest that changes when the tokenizer does; the commit of a hub model, whose files may not
    be here."""

    def fetch(self) -> Path:
        """Folder with the model's files; downloads those of a hub model that are not cached.

        Raises:
            ModelError: the hub cannot be reached, or its files do not arrive.
        """
        if self.folder is not None:
            return self.folder
        from huggingface_hub import snapshot_download

        patterns = ["*.json", "*.txt", "*.model", "*.safetensors"]
        if self.spec.allow_pickle:
            patterns += ["*.bin"]
        if self.spec.trust_remote_code:
            patterns += ["*.py"]
        try:
            return Path(
                snapshot_download(self.spec.source, revision=self.revision, allow_patterns=patterns)
            )
        except Exception as error:
            raise ModelError(
                f"model '{self.spec.model_id}': files of {self.spec.source} at {self.revision} "
                f"cannot be fetched: {_first_line(error)}"
            ) from error


@dataclass(frozen=True)
class ModelCard:
    """What is known of a model without its weights; the columns of the lake table ``models``."""

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
    """Parameters in the weight files; of the model's class where the weights are pickled."""
    tokenizer_hash: str
    """SHA-256 over the tokenizer's serialised state, first 16 hex digits."""
    ignored_token_id: int | None
    """Token dropped from both sides before predictions are compared; None where there is none."""
    dtype: str
    """Arithmetic of the forward pass."""
    mask_counts: str
    """'gold' or 'all'."""


@dataclass(frozen=True)
class _Tensor:
    shape: tuple[int, ...]
    file: str


def resolve(spec: ModelSpec) -> ResolvedModel:
    """Identify a model exactly, without reading its weights into memory.

    A source that is a folder is local; what looks like a path but is no folder is an error;
    anything else is a name on the hub. A hub model's revision becomes a commit: asked from the hub,
    or, with ``HF_HUB_OFFLINE`` or without network, taken from the cached snapshot.

    Raises:
        ModelError: no such folder or hub model, no weights, pickled weights only, hub out of reach
            with nothing cached.
    """
    folder = Path(spec.source).expanduser()
    if folder.is_dir():
        return _resolve_folder(spec, folder.resolve())
    if spec.source.startswith(("/", ".", "~")) or spec.source.count("/") > 1:
        raise ModelError(f"model '{spec.model_id}': there is no folder {folder.absolute()}")
    commit = _resolve_commit(spec)
    return ResolvedModel(spec, commit, None, _fingerprint(spec, commit), commit)


def inspect(resolved: ResolvedModel) -> ModelCard:
    """Check a model's configuration, weight files' headers and tokenizer; read no weights.

    Raises:
        ModelError: one clear error each for a missing or broken config.json, an unknown
            architecture, code of the model's authors that would have to run, missing, truncated or
            pickled weights, missing or misshapen tensors, a vocabulary that differs between
            weights, configuration and tokenizer, a missing tokenizer or mask token.
    """
    spec = resolved.spec
    folder = resolved.fetch()
    try:
        return _inspect(resolved, folder)
    except ModelError as error:
        raise ModelError(f"model '{spec.model_id}' in {folder}: {error}") from error


def family_of(spec: ModelSpec, folder: Path) -> Architecture:
    """The family of the model in ``folder``, as its config.json names it.

    Raises:
        ModelError: no readable config.json, or a family that is not in the table.
    """
    config = _read_json(folder / "config.json")
    model_type = config.get("model_type")
    if not isinstance(model_type, str):
        raise ModelError("config.json names no model_type, so its architecture is unknown")
    if model_type not in architectures() and "auto_map" in config and not spec.trust_remote_code:
        raise ModelError(
            f"architecture '{model_type}' is Python code beside the weights (auto_map in "
            "config.json), which is not run unless the study says trust_remote_code: true; and it "
            "needs a block in models_gpu/architectures.yml. Supported: "
            f"{', '.join(architectures())}."
        )
    return architecture(model_type)


def load_tokenizer(spec: ModelSpec, folder: Path) -> Any:
    """The fast tokenizer in ``folder``.

    Raises:
        ModelError: there is none, or it does not load.
    """
    if not any(True for pattern in _VOCABULARIES for _ in folder.glob(pattern)):
        raise ModelError(
            f"there is no tokenizer: none of {', '.join(_VOCABULARIES)}. Save one there with "
            "tokenizer.save_pretrained(folder)."
        )
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=spec.trust_remote_code
        )
    except Exception as error:
        raise ModelError(f"the tokenizer does not load: {_first_line(error)}") from error
    if not tokenizer.is_fast:
        raise ModelError(
            f"{type(tokenizer).__name__} is not a fast tokenizer; save its fast form "
            "(tokenizer.json)"
        )
    return tokenizer


def tokenizer_hash(tokenizer: Any) -> str:
    """SHA-256 over a fast tokenizer's serialised state, first 16 hex digits."""
    return hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()[:16]


def _resolve_folder(spec: ModelSpec, folder: Path) -> ResolvedModel:
    if spec.revision is not None:
        raise ModelError(
            f"model '{spec.model_id}': {folder} is a local folder and has no revision "
            f"'{spec.revision}'; leave revision out"
        )
    try:
        files = _weight_files(folder, spec)
    except ModelError as error:
        raise ModelError(f"model '{spec.model_id}' in {folder}: {error}") from error
    revision = f"sha256:{_digest(files)}"
    others = sorted(
        {path for pattern in ("config.json", *_TOKENIZER_FILES) for path in folder.glob(pattern)}
    )
    tokenizer = _digest(others)
    return ResolvedModel(
        spec, revision, folder, _fingerprint(spec, revision + tokenizer), tokenizer
    )


def _resolve_commit(spec: ModelSpec) -> str:
    from huggingface_hub import HfApi, constants, try_to_load_from_cache
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    who = f"model '{spec.model_id}'"
    reason = "HF_HUB_OFFLINE is set"
    if not constants.is_offline_mode():
        try:
            commit = HfApi().model_info(spec.source, revision=spec.revision, timeout=20).sha
            if commit is not None:
                return str(commit)
            reason = "the hub gives no commit"
        except HFValidationError as error:
            raise ModelError(
                f"{who}: '{spec.source}' is neither a folder nor a name on the hub: "
                f"{_first_line(error)}"
            ) from error
        except GatedRepoError as error:
            raise ModelError(
                f"{who}: {spec.source} is gated; accept its terms on the hub and run "
                "`hf auth login`"
            ) from error
        except RepositoryNotFoundError as error:
            raise ModelError(
                f"{who}: there is no folder '{spec.source}' here, and no model of that name on the "
                "hub (a private one needs `hf auth login`)"
            ) from error
        except RevisionNotFoundError as error:
            raise ModelError(
                f"{who}: {spec.source} has no revision '{spec.revision}' on the hub"
            ) from error
        except Exception as error:
            reason = _first_line(error)
    cached = try_to_load_from_cache(spec.source, "config.json", revision=spec.revision)
    if isinstance(cached, str):
        return Path(cached).parent.name
    at = f" at revision '{spec.revision}'" if spec.revision else ""
    raise ModelError(
        f"{who}: there is no folder '{spec.source}' here, the hub cannot be reached ({reason}), "
        f"and no snapshot of {spec.source}{at} is cached. Give a folder as source, or download it "
        f"where there is a network: hf download {spec.source}"
    )


def _inspect(resolved: ResolvedModel, folder: Path) -> ModelCard:
    spec = resolved.spec
    family = family_of(spec, folder)
    if family.is_causal and spec.mask_counts != "gold":
        raise ModelError(
            f"mask_counts is '{spec.mask_counts}', but '{family.name}' is a causal model, which is "
            "asked without masks, for as many tokens as the object has; leave mask_counts out"
        )

    import torch
    import transformers

    config: Any = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    settings: dict[str, Any] = config.to_dict()
    with torch.device("meta"):
        model: Any = family.model_class.from_config(config)
    model.tie_weights()

    files = _weight_files(folder, spec)
    tensors = {
        name: tensor
        for path in files
        if path.suffix == ".safetensors"
        for name, tensor in _safetensors_header(path).items()
    }
    if tensors:
        _check_tensors(model, family, settings, tensors)
        parameter_count = sum(math.prod(tensor.shape) for tensor in tensors.values())
    else:
        parameter_count = sum(parameter.numel() for parameter in model.parameters())

    tokenizer = load_tokenizer(spec, folder)
    vocabulary_size = int(settings["vocab_size"])
    if len(tokenizer) > vocabulary_size:
        raise ModelError(
            f"the tokenizer has {len(tokenizer)} ids but the model {vocabulary_size} embeddings: "
            "they do not belong together. Put the tokenizer there that the model was trained with."
        )
    if not family.is_causal and tokenizer.mask_token_id is None:
        raise ModelError(
            f"the tokenizer ({type(tokenizer).__name__}) has no mask token, and a masked language "
            "model cannot be asked without one; name it as mask_token in tokenizer_config.json"
        )
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
    )


def _weight_files(folder: Path, spec: ModelSpec) -> list[Path]:
    """The files that hold the weights, with their index where there is one.

    Raises:
        ModelError: none, an index whose shards are not all there, or pickles without leave.
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
        shards = sorted(set(_read_json(index).get("weight_map", {}).values()))
        absent = [shard for shard in shards if not (folder / shard).is_file()]
        if absent or not shards:
            raise ModelError(
                f"{_WEIGHTS_INDEX} names {len(shards)} weight files, of which {len(absent)} are "
                f"not there: {', '.join(absent[:3])}; copy or download them again"
            )
        return [index, *(folder / shard for shard in shards)]
    pickles = sorted({path for pattern in _PICKLES for path in folder.glob(pattern)})
    if pickles and spec.allow_pickle:
        return pickles
    if pickles:
        raise ModelError(
            f"the weights are there as pickle only ({pickles[0].name}), and reading a pickle runs "
            "code of whoever wrote it. Convert it once, in a place you trust: "
            "AutoModelForMaskedLM.from_pretrained(folder).save_pretrained(folder) writes "
            f"{_WEIGHTS} (AutoModelForCausalLM for a causal model). Or accept it by name: "
            "allow_pickle: true for this model in the study."
        )
    raise ModelError(f"there are no weights: neither {_WEIGHTS} nor {_WEIGHTS_INDEX}")


def _safetensors_header(path: Path) -> dict[str, _Tensor]:
    """Shapes of the tensors in a safetensors file, from its header; checks that none is cut off."""
    size = path.stat().st_size
    again = "; copy or download it again"
    with path.open("rb") as file:
        prefix = file.read(8)
        if len(prefix) < 8:
            raise ModelError(f"{path.name} is cut off: it has {size} bytes{again}")
        (length,) = struct.unpack("<Q", prefix)
        if length > min(size - 8, _LARGEST_HEADER):
            raise ModelError(
                f"{path.name} is cut off or no safetensors file: its header should have {length} "
                f"bytes, the file has {size}{again}"
            )
        try:
            header = json.loads(file.read(length))
        except ValueError as error:
            raise ModelError(
                f"{path.name} is no safetensors file: its header is no JSON"
            ) from error
    header.pop("__metadata__", None)
    end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
    if size < 8 + length + end:
        raise ModelError(
            f"{path.name} is cut off: it should have {8 + length + end} bytes, it has {size}{again}"
        )
    return {name: _Tensor(tuple(entry["shape"]), path.name) for name, entry in header.items()}


def _check_tensors(
    model: Any, family: Architecture, settings: dict[str, Any], tensors: dict[str, _Tensor]
) -> None:
    found: dict[str, _Tensor] = {}
    # A checkpoint saved from the bare encoder lacks the backbone's prefix.
    bare = not any(name.startswith(f"{family.backbone}.") for name in tensors)
    for name, tensor in tensors.items():
        for old, new in _RENAMED.items():
            name = name.replace(old, new)
        found[f"{family.backbone}.{name}" if bare else name] = tensor

    embeddings = found.get(f"{family.embeddings}.weight")
    if embeddings is not None and embeddings.shape[0] != settings["vocab_size"]:
        raise ModelError(
            f"{embeddings.file} has {embeddings.shape[0]} embeddings but config.json says "
            f"vocab_size {settings['vocab_size']}: weights and configuration do not belong together"
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
    for name, shape in shapes.items():
        if name in found and found[name].shape != shape:
            raise ModelError(
                f"tensor {name} has shape {found[name].shape} in {found[name].file}, config.json "
                f"asks for {shape}: weights and configuration do not belong together"
            )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"there is no {path.name}") from error
    except ValueError as error:
        raise ModelError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path.name} holds no JSON object")
    return content


def _digest(paths: list[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            total.update(
                f"{path.name}:{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode()
            )
    return total.hexdigest()


def _fingerprint(spec: ModelSpec, identity: str) -> str:
    relevant = {
        key: value for key, value in asdict(spec).items() if key in ("dtype", "mask_counts")
    }
    text = json.dumps({**relevant, "identity": identity}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
