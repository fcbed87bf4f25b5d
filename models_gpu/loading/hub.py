"""The Hugging Face hub: the commit of a model, and its files.

What belongs here: everything that uses the network. What does not: local folders
(``models_gpu.loading.source``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.errors import first_line
from models_gpu.errors import ModelError

if TYPE_CHECKING:
    from models_gpu.loading.spec import ModelSpec

__all__ = ["download", "resolve_commit"]


def resolve_commit(spec: ModelSpec) -> str:
    """Find the commit of a hub model, or of its cached snapshot if the hub cannot be reached.

    Raises:
        ModelError: no such model or revision, no access to it, or nothing cached.
    """
    from huggingface_hub import HfApi, constants, try_to_load_from_cache
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name = f"model '{spec.model_id}'"
    reason = "HF_HUB_OFFLINE is set"
    if not constants.is_offline_mode():
        try:
            commit = HfApi().model_info(spec.source, revision=spec.revision, timeout=20).sha
            if commit is not None:
                return str(commit)
            reason = "the hub gives no commit"
        except HFValidationError as error:
            raise ModelError(
                f"{name}: '{spec.source}' is neither a folder nor a name on the hub: "
                f"{first_line(error)}"
            ) from error
        except GatedRepoError as error:
            raise ModelError(
                f"{name}: {spec.source} is gated; accept its terms on the hub and run "
                "`hf auth login`"
            ) from error
        except RepositoryNotFoundError as error:
            raise ModelError(
                f"{name}: there is no folder '{spec.source}' here, and no model of this name on "
                "the hub (a private one needs `hf auth login`)"
            ) from error
        except RevisionNotFoundError as error:
            raise ModelError(
                f"{name}: {spec.source} has no revision '{spec.revision}' on the hub"
            ) from error
        except Exception as error:
            reason = first_line(error)
    cached = try_to_load_from_cache(spec.source, "config.json", revision=spec.revision)
    if isinstance(cached, str):
        return Path(cached).parent.name
    at = f" at revision '{spec.revision}'" if spec.revision else ""
    raise ModelError(
        f"{name}: there is no folder '{spec.source}' here, the hub cannot be reached ({reason}), "
        f"and no snapshot of {spec.source}{at} is cached. Give a folder as source, or download it "
        f"where there is a network: hf download {spec.source}"
    )


def missing_bytes(spec: ModelSpec, commit: str) -> int | None:
    """Bytes of weights that the cache lacks; None if the hub does not say."""
    from huggingface_hub import HfApi, try_to_load_from_cache

    try:
        files = HfApi().model_info(spec.source, revision=commit, files_metadata=True).siblings or []
    except Exception:
        cached = try_to_load_from_cache(spec.source, "model.safetensors", revision=commit)
        return 0 if isinstance(cached, str) else None
    wanted = (".safetensors", ".bin") if spec.allow_pickle else (".safetensors",)
    return sum(
        file.size or 0
        for file in files
        if file.rfilename.endswith(wanted)
        and not isinstance(
            try_to_load_from_cache(spec.source, file.rfilename, revision=commit), str
        )
    )


def download(spec: ModelSpec, commit: str, patterns: Sequence[str] = ()) -> Path:
    """Download the files of a model that are not cached, and return their folder.

    Args:
        spec: the model.
        commit: which of its commits.
        patterns: names of the files; none means all that a run reads.

    Raises:
        ModelError: the hub cannot be reached, or a download fails.
    """
    from huggingface_hub import snapshot_download

    wanted = list(patterns) or ["*.json", "*.txt", "*.model", "*.safetensors"]
    if spec.allow_pickle and not patterns:
        wanted += ["*.bin"]
    if spec.trust_remote_code:
        wanted += ["*.py"]
    try:
        return Path(snapshot_download(spec.source, revision=commit, allow_patterns=wanted))
    except Exception as error:
        raise ModelError(
            f"model '{spec.model_id}': files of {spec.source} at {commit} cannot be fetched: "
            f"{first_line(error)}"
        ) from error
