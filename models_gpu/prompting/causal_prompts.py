"""Causal prompts: the queries of causal models, the text before the object and the object's tokens.

What belongs here: the text up to the object's slot, tokenising prompt and object together, and
which part of a template the model reads. What does not: masked models
(``models_gpu.prompting.clozes``), checks and order of queries (``models_gpu.prompting.build``).
Definitions: docs/method.md#probing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from models_gpu.errors import ModelError
from models_gpu.prompting.queries import Queries
from models_gpu.ragged import Ints, Longs, offsets_of, ranges

if TYPE_CHECKING:
    from models_gpu.loading.load import LoadedModel

__all__ = [
    "CUT", "NO_SUBJECT", "UNASKED", "WHOLE", "Prompts",
    "causal_queries", "prompt_code", "tokenise_prompts",
]  # fmt: skip

WHOLE, CUT, NO_SUBJECT, UNASKED = "whole", "cut", "no_subject", "unasked"
"""Values of ``prompt_code``; 'unasked' is a fact that the model cannot be asked."""
_TOKENISED_AT_ONCE = 8_192


@dataclass(frozen=True)
class Prompts:
    """Tokens of the prompt and the object of every fact; ragged as in ``queries.Queries``."""

    prompt_ids: Ints
    """Token ids of the prompts, at least one each."""
    prompt_offsets: Longs
    """``[facts + 1]`` where the prompt of a fact begins."""
    gold_ids: Ints
    """Token ids of the objects; an empty label has none."""
    gold_offsets: Longs
    """``[facts + 1]`` where the gold ids of a fact begin."""


def causal_queries(model: LoadedModel, facts: pl.DataFrame, mask_counts: str) -> Queries:
    """Build queries for a causal model; a ``QueryBuilder``.

    A query is the prompt and all tokens of the object but the last (see ``Queries``). Facts share a
    query if these tokens and the number of scored positions are the same.
    """
    if mask_counts != "gold":
        raise ModelError(
            f"mask_counts is '{mask_counts}', but a causal model is queried without masks, for as "
            "many tokens as the object has"
        )
    prompts = tokenise_prompts(model, facts)
    prompt_counts, gold_counts = np.diff(prompts.prompt_offsets), np.diff(prompts.gold_offsets)
    # One position per gold token, and one for an object without tokens, so that every fact has a
    # prediction. The last gold token is predicted but never read.
    scored_counts = np.maximum(gold_counts, 1)
    places: dict[tuple[bytes, int], int] = {}
    row_query = np.empty(facts.height, dtype=np.int32)
    for row in range(facts.height):
        start, gold = prompts.prompt_offsets[row], prompts.gold_offsets[row]
        prompt = prompts.prompt_ids[start : prompts.prompt_offsets[row + 1]]
        read = prompts.gold_ids[gold : gold + scored_counts[row] - 1]
        key = (prompt.tobytes() + read.tobytes(), int(scored_counts[row]))
        row_query[row] = places.setdefault(key, len(places))
    _, first = np.unique(row_query, return_index=True)
    wanted = scored_counts[first]
    return Queries(
        token_ids=np.frombuffer(b"".join(tokens for tokens, _ in places), dtype=np.int32),
        token_offsets=offsets_of(prompt_counts[first] + wanted - 1),
        scored_positions=ranges(prompt_counts[first] - 1, wanted).astype(np.int32),
        scored_offsets=offsets_of(wanted),
        row_fact=np.arange(facts.height, dtype=np.int32),
        row_query=row_query,
        fact_ids=facts["fact_id"],
        gold_ids=prompts.gold_ids,
        gold_offsets=prompts.gold_offsets,
        prompt_codes=facts["template"].map_elements(prompt_code, return_dtype=pl.String),
    )


def prompt_code(template: str) -> str:
    """Name the part of a template that a causal model reads before it predicts the object.

    Returns:
        'whole': all words, because only punctuation follows [Y]. 'cut': not the words after [Y].
        'no_subject': not the subject, because [X] comes after [Y].
    """
    before, _, after = template.partition("[Y]")
    if "[X]" not in before:
        return NO_SUBJECT
    return CUT if any(character.isalnum() for character in after) else WHOLE


def tokenise_prompts(model: LoadedModel, facts: pl.DataFrame) -> Prompts:
    """Tokenise prompt and object of every fact as one text.

    The prompt is the template up to [Y], with the subject's label. The tokens of the object are all
    tokens with a character of it. The first of them may also hold the space before the object, or,
    in scripts without spaces, the last character of the prompt. Special tokens that the tokenizer
    adds in front are kept, those that it adds at the end are not. An empty prompt becomes the
    start token (``LoadedModel.start_token_id``).


    Args:
        model: gives the tokenizer and the start token.
        facts: columns ``template, subject_label, object_label``.

    Raises:
        ModelError: an empty prompt, and a tokenizer without a start token.
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
    """Get the token ids of a text, and where the object's tokens begin and end."""
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
            f"the prompt '{prompt}' has no token, and {type(model.tokenizer).__name__} has no "
            "start token; name a bos_token in tokenizer_config.json"
        )
    return model.start_token_id


def _ragged(items: list[list[int]]) -> tuple[Ints, Longs]:
    counts = np.fromiter(map(len, items), dtype=np.int64, count=len(items))
    flat = np.fromiter(chain.from_iterable(items), dtype=np.int32, count=int(counts.sum()))
    return flat, offsets_of(counts)
