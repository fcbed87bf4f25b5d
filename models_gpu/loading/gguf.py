"""GGUF files: weights of llama.cpp, Ollama and LM Studio, turned into a folder of transformers.

What belongs here: de-quantising a file once, and the folder that keeps the result. What does not:
checking or loading that folder, which is as any other (``models_gpu.loading.source``).
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ingestion.errors import first_line
from models_gpu.errors import ModelError

__all__ = ["SUFFIX", "unpacked"]

LOG = logging.getLogger("factroots")

SUFFIX = ".gguf"
_PACKAGES = ("gguf", "accelerate")


def unpacked(path: Path, model_id: str, cache: Path | None = None) -> Path:
    """Get the folder with the weights of a GGUF file, de-quantised to float32.

    The folder is made once per content of the file, and kept.

    Args:
        path: the file.
        model_id: name of the model, for messages.
        cache: where folders are kept; ``~/.cache/factroots/gguf`` by default.

    Raises:
        ModelError: there is no file, it is not GGUF, or transformers cannot read it.
    """
    if not path.is_file():
        raise ModelError(f"model '{model_id}': there is no file {path.absolute()}")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ModelError(
                f"model '{model_id}': {path} is no GGUF file: it does not begin with GGUF; "
                "download it again"
            )
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    folder = (cache or _cache()) / digest
    if not (folder / "config.json").is_file():
        _unpack(path, folder, model_id)
    return folder


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "factroots" / "gguf"


def _unpack(path: Path, folder: Path, model_id: str) -> None:
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise ModelError(
            f"model '{model_id}': reading {path.name} needs {' and '.join(missing)}: "
            "pip install 'factroots[gguf]'"
        )
    LOG.info("%s: de-quantising %s, once (minutes)", model_id, path.name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Written next to its place and renamed, so that a folder is whole or not there.
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        try:
            _save(path, Path(scratch) / "model")
        # The readers of transformers check little, so that any error can come out of them.
        except Exception as error:
            raise ModelError(
                f"model '{model_id}': transformers cannot read {path.name}: "
                f"{type(error).__name__}: {first_line(error)}. Take a file of a family that it "
                "knows in this format, or the model's original weights."
            ) from error
        shutil.rmtree(folder, ignore_errors=True)
        (Path(scratch) / "model").rename(folder)


def _save(path: Path, folder: Path) -> None:
    """Write a model without its mark of quantisation, which transformers refuses to save."""
    import torch
    import transformers

    place: dict[str, Any] = {"gguf_file": path.name}
    read = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, dtype=torch.float32, **place
    )
    config: Any = read.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    plain: Any = type(read)(config).to(torch.float32)
    plain.load_state_dict(read.state_dict())
    plain.tie_weights()
    plain.save_pretrained(folder)
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(path.parent, **place)
    tokenizer.save_pretrained(folder)
