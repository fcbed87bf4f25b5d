"""Queries: facts become token ids, mask positions and gold ids, in bulk.

What belongs here: substituting a subject and masks into a template, tokenising objects and queries,
counting masks, finding that two facts ask the same query. What does not: anything that runs a
model. Definitions: METHOD §2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from models_gpu.errors import ModelError

if TYPE_CHECKING:
    from models_gpu.loading import LoadedModel

__all__ = [
    "FACT_COLUMNS",
    "Ints",
    "Longs",
    "Queries",
    "build_queries",
    "offsets_of",
    "ranges",
    "tokenise_objects",
]

FACT_COLUMNS = ("fact_id", "relation_id", "template", "subject_label", "object_label")
"""Columns of the facts that can be probed: text, one row per fact."""

_SLOT = re.compile(r"\[[XY]\]")
_TOKENISED_AT_ONCE = 65_536

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Queries:
    """Distinct queries, longest first, and the facts that ask them.

    Ragged arrays come in pairs: the values one after another, and offsets with one entry more than
    there are items, so that item i is ``values[offsets[i]:offsets[i + 1]]``.
    """

    token_ids: Ints
    """``[tokens]`` ids of all queries, special tokens included."""
    token_offsets: Longs
    """``[queries + 1]`` where a query's tokens begin."""
    mask_positions: Ints
    """``[masks]`` position within its query of every mask of the object's slot."""
    mask_offsets: Longs
    """``[queries + 1]`` where a query's masks begin."""
    row_fact: Ints
    """``[rows]`` index into ``fact_ids``; rows are sorted by fact id, then mask count."""
    row_query: Ints
    """``[rows]`` the query that a row asks; several rows may share one."""
    fact_ids: pl.Series
    """``[facts]`` sorted."""
    gold_ids: Ints
    """Token ids of the facts' objects, without the ignored token."""
    gold_offsets: Longs
    """``[facts + 1]`` where a fact's gold ids begin."""

    @property
    def count(self) -> int:
        """Distinct queries."""
        return len(self.token_offsets) - 1

    @property
    def lengths(self) -> Longs:
        """``[queries]`` tokens per query, descending."""
        return np.diff(self.token_offsets)

    @property
    def mask_counts(self) -> Longs:
        """``[queries]`` masks per query."""
        return np.diff(self.mask_offsets)


def build_queries(model: LoadedModel, facts: pl.DataFrame, mask_counts: str) -> Queries:
    """All distinct queries that ``facts`` ask of ``model``.

    A query is the template with the subject's label and n masks joined by spaces, substituted in
    one pass: text that looks like a slot or a mask inside a label stays what it is and is never
    scored.

    Args:
        model: gives tokenizer, mask, ignored token and number of positions.
        facts: columns ``FACT_COLUMNS``, one row per fact, of one language.
        mask_counts: 'gold', n is the object's token count; 'all', every n from 1 to the longest
            object of the fact's relation among ``facts`` (METHOD §2, the published code's way).

    Raises:
        ModelError: a missing column, a null, a fact twice, a template without exactly one [X] and
            one [Y], a query longer than the model's positions.
    """
    facts = _checked(facts, mask_counts).sort("fact_id")
    gold_ids, gold_offsets = tokenise_objects(model, facts["object_label"], facts["template"])
    gold_counts = np.diff(gold_offsets)
    rows = _rows(facts, gold_counts, mask_counts)
    distinct, row_query = _distinct(rows)

    texts, decoys = _texts(model, distinct)
    flat, counts = _tokenise(model.encoder, texts, add_special_tokens=True)
    _check_lengths(model, texts, counts)
    masks_wanted = distinct["mask_count"].to_numpy().astype(np.int64)

    # Longest first: the batch that needs most memory comes before the time is spent.
    order = np.argsort(-counts, kind="stable")
    offsets = offsets_of(counts)
    token_offsets = offsets_of(counts[order])
    token_ids = flat[ranges(offsets[:-1][order], counts[order])]
    masks_wanted = masks_wanted[order]
    mask_positions = _mask_positions(
        token_ids, token_offsets, model.mask_token_id, masks_wanted, decoys[order]
    )
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return Queries(
        token_ids=token_ids,
        token_offsets=token_offsets,
        mask_positions=mask_positions,
        mask_offsets=offsets_of(masks_wanted),
        row_fact=rows["fact"].to_numpy().astype(np.int32),
        row_query=place[row_query],
        fact_ids=facts["fact_id"],
        gold_ids=gold_ids,
        gold_offsets=gold_offsets,
    )


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
    flat, counts = _tokenise(model.encoder, distinct["text"].to_list(), add_special_tokens=False)
    if model.ignored_token_id is not None:
        kept = flat != model.ignored_token_id
        owner = np.repeat(np.arange(len(counts)), counts)
        counts = np.bincount(owner[kept], minlength=len(counts)).astype(np.int64)
        flat = flat[kept]
    place = texts.join(distinct, on="text", how="left", maintain_order="left")["place"].to_numpy()
    counts_by_fact = counts[place]
    return flat[ranges(offsets_of(counts)[:-1][place], counts_by_fact)], offsets_of(counts_by_fact)


def _checked(facts: pl.DataFrame, mask_counts: str) -> pl.DataFrame:
    if mask_counts not in ("gold", "all"):
        raise ModelError(f"mask_counts is '{mask_counts}'; it can be 'gold' or 'all'")
    missing = [name for name in FACT_COLUMNS if name not in facts.columns]
    if missing:
        raise ModelError(
            f"facts have no column {', '.join(missing)}; they need {', '.join(FACT_COLUMNS)}"
        )
    facts = facts.select(FACT_COLUMNS)
    nulls = [name for name in FACT_COLUMNS if facts[name].null_count()]
    if nulls:
        raise ModelError(f"facts have nulls in {', '.join(nulls)}; give every fact all its names")
    twice = facts.filter(pl.col("fact_id").is_duplicated())
    if not twice.is_empty():
        raise ModelError(
            f"fact '{twice['fact_id'][0]}' is given {twice.height} times; once is right"
        )
    for template in facts["template"].unique().sort():
        if template.count("[X]") != 1 or template.count("[Y]") != 1:
            raise ModelError(f"template '{template}' needs exactly one [X] and exactly one [Y]")
    return facts


def _rows(facts: pl.DataFrame, gold_counts: Longs, mask_counts: str) -> pl.DataFrame:
    """One row per fact and mask count, in output order, with the text that makes the query."""
    # An object without any token of its own still gets one mask: a fact without a prediction would
    # silently leave the denominator.
    wanted = pl.Series("wanted", np.maximum(gold_counts, 1), dtype=pl.Int32)
    rows = facts.select("relation_id", "template", "subject_label").with_row_index("fact")
    rows = rows.with_columns(wanted)
    if mask_counts == "gold":
        return rows.rename({"wanted": "mask_count"})
    longest = pl.col("wanted").max().over("relation_id")
    return rows.with_columns(
        pl.int_ranges(1, longest + 1, dtype=pl.Int32).alias("mask_count")
    ).explode("mask_count")


def _distinct(rows: pl.DataFrame) -> tuple[pl.DataFrame, Longs]:
    keys = ["template", "subject_label", "mask_count"]
    distinct = rows.select(keys).unique(maintain_order=True).with_row_index("query")
    place = rows.select(keys).join(distinct, on=keys, how="left", maintain_order="left")["query"]
    return distinct, place.to_numpy().astype(np.int64)


def _texts(model: LoadedModel, queries: pl.DataFrame) -> tuple[list[str], Longs]:
    """Text of every query, and how many masks stand before its slot that are not the slot's."""
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


def _tokenise(encoder: Any, texts: list[str], *, add_special_tokens: bool) -> tuple[Ints, Longs]:
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


def _check_lengths(model: LoadedModel, texts: list[str], counts: Longs) -> None:
    if len(counts) and int(counts.max()) > model.position_count:
        worst = int(counts.argmax())
        raise ModelError(
            f"a query has {counts[worst]} tokens, the model has {model.position_count} positions "
            f"({int((counts > model.position_count).sum())} such queries); shorten the names of "
            f"the fact or leave it out: '{texts[worst]}'"
        )


def _mask_positions(
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


def offsets_of(counts: Longs) -> Longs:
    """``[items + 1]`` offsets of ragged items with ``counts`` values each."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)])


def ranges(starts: Longs, counts: Longs) -> Longs:
    """Indices ``starts[i] … starts[i] + counts[i] - 1`` for all i, one after another."""
    total = int(counts.sum())
    shift = np.repeat(starts - (np.cumsum(counts) - counts), counts)
    indices: Longs = np.arange(total, dtype=np.int64) + shift
    return indices
