"""Clozes: what a masked model is asked, a template with masks in the object's place.

What belongs here: substituting a subject and masks into a template, cutting it and the objects into
tokens, finding the masks again. What does not: which queries there are
(``models_gpu.prompting.queries``), causal models (``models_gpu.prompting.causal_prompts``).
Definitions: docs/method.md#probing.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from models_gpu.errors import ModelError
from models_gpu.ragged import Ints, Longs, offsets_of, ranges

if TYPE_CHECKING:
    from models_gpu.loading.load import LoadedModel

__all__ = ["mask_positions", "query_texts", "tokenise", "tokenise_objects"]

_SLOT = re.compile(r"\[[XY]\]")
_TOKENISED_AT_ONCE = 65_536


def tokenise_objects(
    model: LoadedModel, labels: pl.Series, templates: pl.Series | None = None
) -> tuple[Ints, Longs]:
    """Token ids of object labels, without special tokens and without the ignored token.

    A label is tokenised as it would stand in the template: for families whose tokenizer keeps the
    space before a word (``object_keeps_space``), with that space where the template has one before
    its [Y]. ``templates`` may be left out for families that do not.

    Returns:
        The ids one after another, and ``[labels + 1]`` offsets.
    """
    texts = pl.DataFrame({"text": labels})
    if model.family.object_keeps_space and templates is not None:
        after_space = templates.str.contains(r"\s\[Y\]")
        texts = texts.select(
            pl.when(after_space).then(pl.lit(" ") + pl.col("text")).otherwise("text").alias("text")
        )
    distinct = texts.unique(maintain_order=True).with_row_index("place")
    flat, counts = tokenise(model.encoder, distinct["text"].to_list(), add_special_tokens=False)
    if model.ignored_token_id is not None:
        kept = flat != model.ignored_token_id
        owner = np.repeat(np.arange(len(counts)), counts)
        counts = np.bincount(owner[kept], minlength=len(counts)).astype(np.int64)
        flat = flat[kept]
    place = texts.join(distinct, on="text", how="left", maintain_order="left")["place"].to_numpy()
    counts_by_fact = counts[place]
    return flat[ranges(offsets_of(counts)[:-1][place], counts_by_fact)], offsets_of(counts_by_fact)


def query_texts(model: LoadedModel, queries: pl.DataFrame) -> tuple[list[str], Longs]:
    """Text of every query, and how many masks stand before its slot that are not the slot's.

    Args:
        model: gives the mask.
        queries: columns ``template, subject_label, mask_count``.
    """
    mask = model.tokenizer.mask_token
    templates = queries["template"].to_list()
    subjects = queries["subject_label"].to_list()
    counts = queries["mask_count"].to_list()
    masks = [" ".join([mask] * n) for n in range(max(counts, default=0) + 1)]
    slots = [masks[n] for n in counts]
    # Template -> text around its slots, and whether the subject comes first.
    parts = {t: (*_SLOT.split(t), t.index("[X]") < t.index("[Y]")) for t in set(templates)}
    texts: list[str] = []
    for template, subject, slot in zip(templates, subjects, slots, strict=True):
        before, between, after, subject_first = parts[template]
        first, second = (subject, slot) if subject_first else (slot, subject)
        texts.append(before + first + between + second + after)

    decoys = np.zeros(len(texts), dtype=np.int64)
    suspects = (
        queries["subject_label"].str.contains(mask, literal=True)
        | queries["template"].str.contains(mask, literal=True)
    ).arg_true()
    for row in suspects.to_list():
        before, between, _, subject_first = parts[templates[row]]
        ahead = before + subjects[row] + between if subject_first else before
        decoys[row] = ahead.count(mask)
    return texts, decoys


def tokenise(encoder: Any, texts: list[str], *, add_special_tokens: bool) -> tuple[Ints, Longs]:
    """Token ids of the texts one after another, and how many each has."""
    flat: list[Ints] = []
    counts: list[Longs] = []
    for start in range(0, len(texts), _TOKENISED_AT_ONCE):
        encodings = encoder.encode_batch_fast(
            texts[start : start + _TOKENISED_AT_ONCE], add_special_tokens=add_special_tokens
        )
        ids = [encoding.ids for encoding in encodings]
        sizes = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
        flat.append(np.fromiter(chain.from_iterable(ids), dtype=np.int32, count=int(sizes.sum())))
        counts.append(sizes)
    if not texts:
        return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64)
    return np.concatenate(flat), np.concatenate(counts)


def mask_positions(
    token_ids: Ints, offsets: Longs, mask_token_id: int, wanted: Longs, decoys: Longs
) -> Ints:
    """Positions of the slot's masks: those after the decoys, as many as wanted, per query."""
    places = np.flatnonzero(token_ids == mask_token_id)
    owner = np.searchsorted(offsets, places, side="right") - 1
    ordinal = np.arange(len(places)) - np.searchsorted(owner, owner, side="left")
    kept = (ordinal >= decoys[owner]) & (ordinal < decoys[owner] + wanted[owner])
    found = np.bincount(owner[kept], minlength=len(wanted))
    if not np.array_equal(found, wanted):
        query = int(np.flatnonzero(found != wanted)[0])
        raise ModelError(
            f"a query of {wanted[query]} masks came back from the tokenizer with {found[query]} of "
            f"them; its mask token is not kept as one token. Token ids: "
            f"{token_ids[offsets[query] : offsets[query + 1]].tolist()}"
        )
    return (places[kept] - offsets[owner[kept]]).astype(np.int32)
