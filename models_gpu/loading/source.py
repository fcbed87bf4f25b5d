"""Source of a model: its description in a study, and the exact identity of its weights.

What belongs here: ``ModelSpec``, and its revision (hub commit, or a hash of the local files). What
does not: the hub (``models_gpu.loading.hub``), checks of the files
(``models_gpu.loading.inspection``), loading (``models_gpu.loading.load``). This module imports
neither torch nor transformers, so that checks before a run are fast.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from models_gpu.errors import ModelError
from models_gpu.loading.hub import download, resolve_commit
from models_gpu.loading.tokenizers import TOKENIZER_FILES
from models_gpu.loading.weight_files import weight_files

__all__ = ["Dtype", "MaskCounts", "ModelSpec", "ResolvedModel", "resolve"]

Dtype = Literal["float32", "bfloat16", "float16"]
MaskCounts = Literal["gold", "all"]


@dataclass(frozen=True)
class ModelSpec:
    """One model of a study, as the study file describes it."""

    model_id: str
    """Name of the model in the study and in all tables."""
    source: str
    """A local folder, or a name on the Hugging Face hub such as 'google-bert/bert-base-cased'."""
    revision: str | None = None
    """Branch, tag or commit on the hub; None takes the default branch. Folders have none."""
    dtype: Dtype = "float32"
    """Arithmetic of the forward pass."""
    mask_counts: MaskCounts = "gold"
    """Masks per query. 'gold': as many as the object has tokens; 'all': 1 to the longest object of
    the relation. Causal models take 'gold' only."""
    trust_remote_code: bool = False
    """Whether Python code from the model's repository may be run."""
    allow_pickle: bool = False
    """Whether weights may be read from pickle files, which can run code when they are loaded."""

    def __post_init__(self) -> None:
        """Raise ModelError for a value that is not allowed."""
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
    """The model's description in the study."""
    revision: str
    """Commit of a hub model; 'sha256:…' over the weight files of a local one."""
    folder: Path | None
    """The local folder; None for a hub model, whose folder ``fetch`` returns."""
    fingerprint: str
    """Hash (16 hex digits) of all that predictions depend on: weights, configuration, tokenizer,
    arithmetic, mask counts."""
    tokenizer_fingerprint: str
    """Hash of the tokenizer's files; for a hub model the commit, because its files may not be
    downloaded."""

    def fetch(self) -> Path:
        """Get the folder with the model's files; download those of a hub model that are not cached.

        Raises:
            ModelError: the hub cannot be reached, or a download fails.
        """
        if self.folder is not None:
            return self.folder
        return download(self.spec, self.revision)


def resolve(spec: ModelSpec) -> ResolvedModel:
    """Identify the exact weights of a model, without loading them.

    A source that is a folder is a local model. A source that looks like a path but is no folder is
    an error. Any other source is a name on the hub. The revision of a hub model becomes a commit:
    the hub is asked for it; with ``HF_HUB_OFFLINE`` or without network, the cached snapshot is
    used.

    Raises:
        ModelError: no such folder or hub model, no weights, weights in pickle files only, or a hub
            that cannot be reached and no cached snapshot.
    """
    folder = Path(spec.source).expanduser()
    if folder.is_dir():
        return _resolve_folder(spec, folder.resolve())
    if spec.source.startswith(("/", ".", "~")) or spec.source.count("/") > 1:
        raise ModelError(f"model '{spec.model_id}': there is no folder {folder.absolute()}")
    commit = resolve_commit(spec)
    return ResolvedModel(spec, commit, None, _fingerprint(spec, commit), commit)


def _resolve_folder(spec: ModelSpec, folder: Path) -> ResolvedModel:
    if spec.revision is not None:
        raise ModelError(
            f"model '{spec.model_id}': {folder} is a local folder and has no revision "
            f"'{spec.revision}'; leave revision out"
        )
    try:
        files = weight_files(folder, spec)
    except ModelError as error:
        raise ModelError(f"model '{spec.model_id}' in {folder}: {error}") from error
    revision = f"sha256:{_digest(files)}"
    others = sorted(
        {path for pattern in ("config.json", *TOKENIZER_FILES) for path in folder.glob(pattern)}
    )
    tokenizer = _digest(others)
    return ResolvedModel(
        spec, revision, folder, _fingerprint(spec, revision + tokenizer), tokenizer
    )


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
