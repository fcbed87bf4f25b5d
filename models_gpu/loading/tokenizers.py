"""Tokenizers: which files make one, loading it, and its hash.

What belongs here: the tokenizer as a whole. What does not: tokenising (``models_gpu.prompting``).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models_gpu.errors import ModelError, first_line

if TYPE_CHECKING:
    from models_gpu.loading.spec import ModelSpec

__all__ = ["TOKENIZER_FILES", "load_tokenizer", "tokenizer_hash"]

_VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
TOKENIZER_FILES = (
    *_VOCABULARIES,
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
"""Patterns of all files that a tokenizer is made of."""


def load_tokenizer(spec: ModelSpec, folder: Path) -> Any:
    """Load the fast tokenizer in ``folder``.

    Raises:
        ModelError: there is no fast tokenizer, or it does not load.
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
        raise ModelError(f"the tokenizer does not load: {first_line(error)}") from error
    if not tokenizer.is_fast:
        raise ModelError(
            f"{type(tokenizer).__name__} is not a fast tokenizer; save its fast form "
            "(tokenizer.json)"
        )
    return tokenizer


def tokenizer_hash(tokenizer: Any) -> str:
    """Hash the serialised state of a fast tokenizer: SHA-256, first 16 hex digits."""
    return hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()[:16]
