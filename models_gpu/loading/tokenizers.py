"""Tokenizers: which files make one, loading it, and its hash.

What belongs here: the tokenizer as a whole. What does not: tokenising (``models_gpu.prompting``).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.errors import first_line, is_of_input
from models_gpu.errors import ModelError
from models_gpu.loading.local_files import check_tokenizer_names, kept_inside

if TYPE_CHECKING:
    from models_gpu.loading.spec import ModelSpec

__all__ = ["TOKENIZER_FILES", "load_tokenizer", "tokenizer_hash", "unknown_token_ids"]

_VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
TOKENIZER_FILES = (
    *_VOCABULARIES,
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
"""Patterns of all files that a tokenizer is made of."""
_ROLES = (
    "unk_token", "bos_token", "eos_token", "cls_token", "sep_token", "pad_token", "mask_token",
)  # fmt: skip
_CONTROL = re.compile(r"\[.*\]$|<.*>$")


def load_tokenizer(spec: ModelSpec, folder: Path) -> Any:
    """Load the fast tokenizer in ``folder``.

    Raises:
        ModelError: there is no fast tokenizer, it does not load, its files lead out of the
            folder of a restricted study, its rules are not those of tokenizer.json, or a vocabulary
            without rules has capitals that the class removes.
    """
    if not any(True for pattern in _VOCABULARIES for _ in folder.glob(pattern)):
        raise ModelError(
            f"there is no tokenizer: none of {', '.join(_VOCABULARIES)}. Save one there with "
            "tokenizer.save_pretrained(folder)."
        )
    try:
        with kept_inside(spec, folder):
            check_tokenizer_names(folder)
            tokenizer = _from_files(spec, folder)
    except ModelError:
        raise
    # What Rust code raises when it fails is no Exception.
    except BaseException as error:
        if not is_of_input(error):
            raise
        raise ModelError(
            f"the tokenizer does not load: {type(error).__name__}: {first_line(error)}"
        ) from error
    if not tokenizer.is_fast:
        raise ModelError(
            f"{type(tokenizer).__name__} is not a fast tokenizer; save its fast form "
            "(tokenizer.json)"
        )
    return tokenizer


def _from_files(spec: ModelSpec, folder: Path) -> Any:
    """Load ``tokenizer.json`` as it is; without it, what the model's class makes of its vocabulary.

    The classes of many families (BERT, GPT-2, Gemma) take only the vocabulary from tokenizer.json,
    and put their own rules for letters and spaces in place of those of the file. So the class is
    only asked for the special tokens that the files do not name.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    by_class = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=spec.trust_remote_code
    )
    if not (folder / "tokenizer.json").is_file():
        if by_class.is_fast:
            _check_letters(by_class.backend_tokenizer)
        return by_class
    with _quiet():
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    vocabulary = tokenizer.get_vocab()
    for role in _ROLES:
        token = getattr(by_class, role)
        if token is not None and getattr(tokenizer, role) is None and token in vocabulary:
            setattr(tokenizer, role, token)
    _check_rules(tokenizer.backend_tokenizer, folder / "tokenizer.json")
    return tokenizer


def _check_rules(core: Any, file: Path) -> None:
    """Check that the loaded tokenizer has the rules of its file.

    Raises:
        ModelError: the normalizer, pre-tokenizer or decoder is another one.
    """
    from tokenizers import Tokenizer

    written = Tokenizer.from_file(str(file))
    different = [
        name
        for name in ("normalizer", "pre_tokenizer", "decoder")
        if repr(getattr(core, name)) != repr(getattr(written, name))
    ]
    if different:
        raise ModelError(
            f"the loaded tokenizer has another {' and '.join(different)} than {file.name}: "
            f"{getattr(core, different[0])!r} in place of {getattr(written, different[0])!r}. "
            "Remove the setting in tokenizer_config.json that changes it."
        )


def _check_letters(core: Any) -> None:
    """Check that the rules of a class leave the words of a plain vocabulary as they are.

    Raises:
        ModelError: more than one word in a thousand can never be reached, because its capitals or
            accents are removed from every text.
    """
    if core.normalizer is None:
        return
    added = {token.content for token in core.get_added_tokens_decoder().values()}
    words = [word for word in core.get_vocab() if word not in added and not _CONTROL.match(word)]
    lost = sorted(
        word for word in words if _letters(core.normalizer.normalize_str(word)) != _letters(word)
    )
    if len(lost) * 1000 > len(words):
        raise ModelError(
            f"the tokenizer makes texts lower-case or removes accents, but {len(lost)} of "
            f"{len(words)} words of its vocabulary have capitals or accents, such as "
            f"{', '.join(lost[:3])}. Only the vocabulary is there, not the rules: write "
            '{"do_lower_case": false} or {"strip_accents": false} to tokenizer_config.json, or '
            "save tokenizer.json."
        )


def _letters(text: str) -> str:
    """Letters of a text, whatever their composition and the blanks between them."""
    return "".join(filter(str.isalpha, unicodedata.normalize("NFKC", text)))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide the warning that the tokenizer has another class than the one its files name."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def tokenizer_hash(tokenizer: Any) -> str:
    """Hash the serialised state of a fast tokenizer: SHA-256, first 16 hex digits."""
    return hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()[:16]


def unknown_token_ids(tokenizer: Any) -> frozenset[int]:
    """Find the ids that a fast tokenizer gives to text which its vocabulary lacks.

    Both the token that its settings name, and the one that its core uses.
    """
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    named = model.get("unk_token")
    found = (
        tokenizer.unk_token_id,
        model.get("unk_id"),
        None if named is None else tokenizer.backend_tokenizer.token_to_id(named),
    )
    return frozenset(int(token_id) for token_id in found if token_id is not None)
