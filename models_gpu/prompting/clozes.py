"""Clozes: the queries of masked models, templates with masks in the place of the object.

What belongs here: filling a subject and masks into a template, tokenising, and finding the masks
again. What does not: causal models (``models_gpu.prompting.causal_prompts``), checks and order of
queries (``models_gpu.prompting.build``). Definitions: docs/method.md#probing.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from models_gpu.errors import ModelError
from models_gpu.prompting.causal_prompts import WHOLE
from models_gpu.prompting.queries import Queries
from models_gpu.ragged import Ints, Longs, offsets_of, ranges

if TYPE_CHECKING:
    from models_gpu.loading.load import LoadedModel

__all__ = [
    "mask_joint", "mask_positions", "masked_queries", "query_texts", "tokenise", "tokenise_objects",
]  # fmt: skip

_SLOT = re.compile(r"\[[XY]\]")
_TOKENISED_AT_ONCE = 65_536


def masked_queries(model: LoadedModel, facts: pl.DataFrame, mask_counts: str) -> Queries:
    """Build queries for a masked model; a ``QueryBuilder``.

    A query is the template with the subject's label and n masks joined by spaces, which are left
    out where the mask does not eat them. Both slots are
    filled in one pass: text in a label that looks like a slot or a mask stays as it is, and is
    never scored.
    """
    gold_ids, gold_offsets = tokenise_objects(model, facts["object_label"], facts["template"])
    gold_counts = whole_counts = np.diff(gold_offsets)
    if mask_counts == "all" and model.ignored_token_id is not None:
        # The published code counts the masks of the longest object before it drops this token.
        _, whole = tokenise_objects(
            model, facts["object_label"], facts["template"], keeps_ignored=True
        )
        whole_counts = np.diff(whole)
    rows = _rows(facts, gold_counts, whole_counts, mask_counts)
    distinct, row_query = _distinct(rows)

    texts, other_masks = query_texts(model, distinct)
    token_ids, counts = tokenise(model.encoder, texts, add_special_tokens=True)
    masks_wanted = distinct["mask_count"].to_numpy().astype(np.int64)
    assert model.mask_token_id is not None, "a masked model has a mask token"
    return Queries(
        token_ids=token_ids,
        token_offsets=offsets_of(counts),
        scored_positions=mask_positions(
            token_ids, offsets_of(counts), model.mask_token_id, masks_wanted, other_masks
        ),
        scored_offsets=offsets_of(masks_wanted),
        row_fact=rows["fact"].to_numpy().astype(np.int32),
        row_query=row_query,
        fact_ids=facts["fact_id"],
        gold_ids=gold_ids,
        gold_offsets=gold_offsets,
        prompt_codes=pl.repeat(WHOLE, facts.height, eager=True),
    )


def tokenise_objects(
    model: LoadedModel,
    labels: pl.Series,
    templates: pl.Series | None = None,
    *,
    keeps_ignored: bool = False,
) -> tuple[Ints, Longs]:
    """Tokenise object labels, without special tokens and, by default, without the ignored token.

    Some tokenizers keep the space before a word (``object_keeps_space``). For these a label gets a
    space in front if its template has one before [Y]. Other families do not need ``templates``.

    Returns:
        All token ids, and ``[labels + 1]`` offsets.
    """
    texts = pl.DataFrame({"text": labels})
    if model.family.object_keeps_space and templates is not None:
        after_space = templates.str.contains(r"\s\[Y\]")
        texts = texts.select(
            pl.when(after_space).then(pl.lit(" ") + pl.col("text")).otherwise("text").alias("text")
        )
    distinct = texts.unique(maintain_order=True).with_row_index("place")
    flat, counts = tokenise(model.encoder, distinct["text"].to_list(), add_special_tokens=False)
    if model.ignored_token_id is not None and not keeps_ignored:
        kept = flat != model.ignored_token_id
        owner = np.repeat(np.arange(len(counts)), counts)
        counts = np.bincount(owner[kept], minlength=len(counts)).astype(np.int64)
        flat = flat[kept]
    place = texts.join(distinct, on="text", how="left", maintain_order="left")["place"].to_numpy()
    counts_by_fact = counts[place]
    return flat[ranges(offsets_of(counts)[:-1][place], counts_by_fact)], offsets_of(counts_by_fact)


def query_texts(model: LoadedModel, queries: pl.DataFrame) -> tuple[list[str], Longs]:
    """Make the text of every query, and count the masks in it before those of the object.

    A label or template can contain the text of the mask token. Such masks are not scored.

    Args:
        model: gives the mask token.
        queries: columns ``template, subject_label, mask_count``.

    Returns:
        Texts, and ``[queries]`` numbers of other masks before the object's.
    """
    mask = model.tokenizer.mask_token
    templates = queries["template"].to_list()
    subjects = queries["subject_label"].to_list()
    counts = queries["mask_count"].to_list()
    joint = mask_joint(model)
    masks = [joint.join([mask] * n) for n in range(max(counts, default=0) + 1)]
    slots = [masks[n] for n in counts]
    # For each template: the text around its slots, and whether the subject comes first.
    parts = {t: (*_SLOT.split(t), t.index("[X]") < t.index("[Y]")) for t in set(templates)}
    texts: list[str] = []
    for template, subject, slot in zip(templates, subjects, slots, strict=True):
        before, between, after, subject_first = parts[template]
        if not joint and subject_first:
            between = between.removesuffix(" ")
        elif not joint:
            before = before.removesuffix(" ")
        first, second = (subject, slot) if subject_first else (slot, subject)
        texts.append(before + first + between + second + after)

    other_masks = np.zeros(len(texts), dtype=np.int64)
    with_masks = (
        queries["subject_label"].str.contains(mask, literal=True)
        | queries["template"].str.contains(mask, literal=True)
    ).arg_true()
    for row in with_masks.to_list():
        before, between, _, subject_first = parts[templates[row]]
        ahead = before + subjects[row] + between if subject_first else before
        other_masks[row] = ahead.count(mask)
    return texts, other_masks


def mask_joint(model: LoadedModel) -> str:
    """What joins two masks: a space, or nothing where the space would be a token of its own."""
    return " " if _mask_eats_space(model) else ""


def _mask_eats_space(model: LoadedModel) -> bool:
    """Whether the space before a mask leaves no token of its own.

    Where the first token of a word holds the space before it, the mask of this token stands for
    the space too. Most such tokenizers let the mask eat it; otherwise it must not be written.
    """
    if not model.family.object_keeps_space:
        return True
    added = model.encoder.get_added_tokens_decoder().get(model.mask_token_id)
    return added is not None and bool(added.lstrip)


def tokenise(encoder: Any, texts: list[str], *, add_special_tokens: bool) -> tuple[Ints, Longs]:
    """Tokenise texts: all token ids, and the number of ids of each text."""
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
    token_ids: Ints, offsets: Longs, mask_token_id: int, wanted: Longs, other_masks: Longs
) -> Ints:
    """Find the positions of the object's masks in each query.

    Args:
        token_ids: ids of all queries.
        offsets: ``[queries + 1]`` where a query's ids begin.
        mask_token_id: id of the mask.
        wanted: ``[queries]`` masks of the object.
        other_masks: ``[queries]`` masks before the object's.

    Raises:
        ModelError: the tokenizer did not keep every mask as one token.
    """
    places = np.flatnonzero(token_ids == mask_token_id)
    owner = np.searchsorted(offsets, places, side="right") - 1
    ordinal = np.arange(len(places)) - np.searchsorted(owner, owner, side="left")
    kept = (ordinal >= other_masks[owner]) & (ordinal < other_masks[owner] + wanted[owner])
    found = np.bincount(owner[kept], minlength=len(wanted))
    if not np.array_equal(found, wanted):
        query = int(np.flatnonzero(found != wanted)[0])
        raise ModelError(
            f"the tokenizer returned {found[query]} of the {wanted[query]} masks of a query: it "
            f"does not keep the mask as one token. Token ids: "
            f"{token_ids[offsets[query] : offsets[query + 1]].tolist()}"
        )
    return (places[kept] - offsets[owner[kept]]).astype(np.int32)


def _rows(
    facts: pl.DataFrame, gold_counts: Longs, whole_counts: Longs, mask_counts: str
) -> pl.DataFrame:
    """Make one row per fact and mask count, in output order, with the texts of the query."""
    # An object without tokens still gets one mask: a fact without a prediction would silently drop
    # out of the denominator.
    wanted = pl.Series("wanted", np.maximum(gold_counts, 1), dtype=pl.Int32)
    rows = facts.select("relation_id", "template", "subject_label").with_row_index("fact")
    rows = rows.with_columns(wanted)
    if mask_counts == "gold":
        return rows.rename({"wanted": "mask_count"})
    longest = pl.col("longest").max().over("relation_id")
    rows = rows.with_columns(longest=pl.Series(np.maximum(whole_counts, 1), dtype=pl.Int32))
    return rows.with_columns(
        pl.int_ranges(1, longest + 1, dtype=pl.Int32).alias("mask_count")
    ).explode("mask_count")


def _distinct(rows: pl.DataFrame) -> tuple[pl.DataFrame, Ints]:
    keys = ["template", "subject_label", "mask_count"]
    distinct = rows.select(keys).unique(maintain_order=True).with_row_index("query")
    place = rows.select(keys).join(distinct, on=keys, how="left", maintain_order="left")["query"]
    return distinct, place.to_numpy().astype(np.int32)
