"""Source of a model: the exact identity of its weights.

What belongs here: finding the revision of a ``ModelSpec`` (hub commit, or hash of local files).
What does not: the hub (``models_gpu.loading.hub``), checks of the files
(``models_gpu.loading.inspection``), loading (``models_gpu.loading.load``). This module imports
neither torch nor transformers, so that checks before a run are fast.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ingestion.restricted import RestrictedError, open_file, require_inside
from models_gpu.errors import ModelError
from models_gpu.loading.gguf import SUFFIX, unpacked
from models_gpu.loading.hub import download, missing_bytes, resolve_commit
from models_gpu.loading.local_files import check_folder
from models_gpu.loading.spec import ModelSpec
from models_gpu.loading.tokenizers import TOKENIZER_FILES
from models_gpu.loading.weight_files import weight_files

__all__ = ["ResolvedModel", "resolve"]

_CONTEXT = ("examples", "examples_seed", "other_objects", "chat")
"""What stands before the queries: it changes every answer."""


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

    def fetch_description(self) -> Path:
        """Get a folder with configuration and tokenizer; weights are not downloaded.

        Raises:
            ModelError: as of ``fetch``.
        """
        if self.folder is not None:
            return self.folder
        return download(self.spec, self.revision, ("*.json", "*.txt", "*.model"))

    def missing_bytes(self) -> int | None:
        """Bytes of weights that are not on this machine; None if nobody can say."""
        return 0 if self.folder is not None else missing_bytes(self.spec, self.revision)


def resolve(spec: ModelSpec) -> ResolvedModel:
    """Identify the exact weights of a model, without loading them.

    A source that is a folder is a local model, and so is a GGUF file, which is de-quantised once. A
    source that looks like a path but is no folder is an error. Any other source is a name on the
    hub. The revision of a hub model becomes a commit: the hub is asked for it; with
    ``HF_HUB_OFFLINE`` or without network, the cached snapshot is used.

    Raises:
        ModelError: no such folder or hub model, no weights, weights in pickle files only, a hub
            that cannot be reached and no cached snapshot, or a folder that leads out of that of a
            restricted study.
    """
    folder = Path(spec.source).expanduser()
    if folder.suffix == SUFFIX:
        return _resolve_gguf(spec, folder)
    if folder.is_dir():
        try:
            require_inside(folder, spec.within)
        except RestrictedError as error:
            raise ModelError(f"model '{spec.model_id}': {error}") from error
        return _resolve_folder(spec, folder.resolve())
    if spec.source.startswith(("/", ".", "~")) or spec.source.count("/") > 1:
        raise ModelError(f"model '{spec.model_id}': there is no folder {folder.absolute()}")
    # Its files lie in the cache of the hub, where no study puts links.
    spec = replace(spec, within=None)
    commit = resolve_commit(spec)
    return ResolvedModel(spec, commit, None, _fingerprint(spec, commit), commit)


def _resolve_gguf(spec: ModelSpec, path: Path) -> ResolvedModel:
    if spec.within is not None:
        raise ModelError(
            f"model '{spec.model_id}': a restricted study may not use GGUF files; give the folder "
            "that model.save_pretrained(folder) wrote"
        )
    return _resolve_folder(spec, unpacked(path, spec.model_id))


def _resolve_folder(spec: ModelSpec, folder: Path) -> ResolvedModel:
    if spec.revision is not None:
        raise ModelError(
            f"model '{spec.model_id}': {folder} is a local folder and has no revision "
            f"'{spec.revision}'; leave revision out"
        )
    try:
        check_folder(spec, folder)
        files = weight_files(folder, spec)
    except (ModelError, RestrictedError) as error:
        raise ModelError(f"model '{spec.model_id}' in {folder}: {error}") from error
    revision = f"sha256:{_digest(files, spec.within)}"
    others = sorted(
        {path for pattern in ("config.json", *TOKENIZER_FILES) for path in folder.glob(pattern)}
    )
    tokenizer = _digest(others, spec.within)
    return ResolvedModel(
        spec, revision, folder, _fingerprint(spec, revision + tokenizer), tokenizer
    )


def _digest(paths: list[Path], within: Path | None) -> str:
    total = hashlib.sha256()
    for path in paths:
        with open_file(path, within) as file:
            total.update(
                f"{path.name}:{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode()
            )
    return total.hexdigest()


def _fingerprint(spec: ModelSpec, identity: str) -> str:
    settings = asdict(spec)
    relevant = {key: settings[key] for key in ("dtype", "mask_counts")}
    # Only where they are set, so that parts of studies without them stay up to date.
    relevant |= {key: settings[key] for key in _CONTEXT if settings[key]}
    text = json.dumps({**relevant, "identity": identity}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
