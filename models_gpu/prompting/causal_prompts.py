"""Prompts: what a causal model is shown of a template, and the tokens that it should say next.

What belongs here: the text up to the object's slot, cutting prompt and object into tokens together,
and saying what of the template the model does not get to see. What does not: masks
(``models_gpu.prompting.queries``), running a model. Definitions: docs/method.md#probing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from models_gpu.errors import ModelError
from models_gpu.ragged import Ints, Longs, offsets_of

if TYPE_CHECKING:
    from models_gpu.loading.load import LoadedModel

__all__ = ["CUT", "NO_SUBJECT", "WHOLE", "Prompts", "prompt_code", "tokenise_prompts"]

WHOLE, CUT, NO_SUBJECT = "whole", "cut", "no_subject"
_TOKENISED_AT_ONCE = 8_192


@dataclass(frozen=True)
class Prompts:
    """Prompt and object of every fact, as tokens; ragged as in ``queries.Queries``."""

    prompt_ids: Ints
    """Token ids of the prompts, at least one each."""
    prompt_offsets: Longs
    """``[facts + 1]`` where a fact's prompt begins."""
    gold_ids: Ints
    """Token ids of the objects; an object without characters has none."""
    gold_offsets: Longs
    """``[facts + 1]`` where a fact's gold ids begin."""


def prompt_code(template: str) -> str:
    """What of a template a causal model sees before it has to name the object.

    Returns:
        'whole': all words; after [Y] there is punctuation at most. 'cut': words after [Y] are not
        seen. 'no_subject': [X] comes after [Y], so that the model is not told whose object to name.
    """
    before, _, after = template.partition("[Y]")
    if "[X]" not in before:
        return NO_SUBJECT
    return CUT if any(character.isalnum() for character in after) else WHOLE


def tokenise_prompts(model: LoadedModel, facts: pl.DataFrame) -> Prompts:
    """Cut prompt and object of every fact into tokens, both together, as in running text.

    The prompt is the template up to [Y] with the subject's label. An object's tokens are all that
    hold a character of it: the space before it, and in scripts without spaces the prompt's last
    character, may be in the first of them. Special tokens that the tokenizer puts in front stay,
    those that it puts behind do not. A prompt that is left without any token is the model's start
    token (``LoadedModel.start_token_id``).

    Args:
        model: gives tokenizer and start token.
        facts: columns ``template, subject_label, object_label``.

    Raises:
        ModelError: an empty prompt where the tokenizer has no token to start with.
    """
    prompts: list[list[int]] = []
    golds: list[list[int]] = []
    heads = {template: template.partition("[Y]")[0] for template in facts["template"].unique()}
    texts = [
        (heads[template].replace("[X]", subject), name)
        for template, subject, name in facts.select(
            "template", "subject_label", "object_label"
        ).iter_rows()
    ]
    for start in range(0, len(texts), _TOKENISED_AT_ONCE):
        block = texts[start : start + _TOKENISED_AT_ONCE]
        encodings = model.encoder.encode_batch([prompt + name for prompt, name in block])
        for (prompt, _), encoding in zip(block, encodings, strict=True):
            ids, border, end = _borders(encoding, len(prompt))
            prompts.append(ids[:border] or [_start_token(model, prompt)])
            golds.append(ids[border:end])
    prompt_ids, prompt_offsets = _ragged(prompts)
    gold_ids, gold_offsets = _ragged(golds)
    return Prompts(prompt_ids, prompt_offsets, gold_ids, gold_offsets)


def _borders(encoding: Any, prompt_length: int) -> tuple[list[int], int, int]:
    """Token ids, and which of them are the object's: from the second number up to the third."""
    ids: list[int] = encoding.ids
    is_special: list[int] = encoding.special_tokens_mask
    offsets: list[tuple[int, int]] = encoding.offsets
    end = len(ids)
    while end and is_special[end - 1]:
        end -= 1
    border = end
    while border and not is_special[border - 1] and offsets[border - 1][1] > prompt_length:
        border -= 1
    return ids, border, end


def _start_token(model: LoadedModel, prompt: str) -> int:
    if model.start_token_id is None:
        raise ModelError(
            f"the prompt '{prompt}' has no token, and {type(model.tokenizer).__name__} has none to "
            "start a text with; name a bos_token in tokenizer_config.json"
        )
    return model.start_token_id


def _ragged(items: list[list[int]]) -> tuple[Ints, Longs]:
    counts = np.fromiter(map(len, items), dtype=np.int64, count=len(items))
    flat = np.fromiter(chain.from_iterable(items), dtype=np.int32, count=int(counts.sum()))
    return flat, offsets_of(counts)
