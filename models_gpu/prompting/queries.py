"""Queries: facts become token ids, scored positions and gold ids, in bulk.

What belongs here: counting masks, finding that two facts ask the same query, putting queries in
order. What does not: the text of a masked model's query (``models_gpu.prompting.clozes``) and of a
causal model's (``models_gpu.prompting.causal_prompts``), anything that runs a model. Definitions:
docs/method.md#probing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from models_gpu.errors import ModelError
from models_gpu.prompting.causal_prompts import WHOLE, prompt_code, tokenise_prompts
from models_gpu.prompting.clozes import mask_positions, query_texts, tokenise, tokenise_objects
from models_gpu.ragged import Ints, Longs, offsets_of, ranges

if TYPE_CHECKING:
    from models_gpu.loading.load import LoadedModel

__all__ = [
    "FACT_COLUMNS",
    "Queries",
    "build_queries",
    "facts_among",
    "require_gold_counts",
]

FACT_COLUMNS = ("fact_id", "relation_id", "template", "subject_label", "object_label")
"""Columns of the facts that can be probed: text, one row per fact."""


@dataclass(frozen=True)
class Queries:
    """Distinct queries, longest first, and the facts that ask them.

    A token of an object is *scored* at the position whose output predicts it: in a masked model at
    its mask, in a causal model at the token before it. A causal model's query is the prompt and the
    object's tokens but the last, so that every token is predicted from the right ones before it
    (teacher forcing). Everything that reads or edits a model "at the object" means these positions.

    Ragged arrays come in pairs: the values one after another, and offsets with one entry more than
    there are items, so that item i is ``values[offsets[i]:offsets[i + 1]]``.
    """

    token_ids: Ints
    """``[tokens]`` ids of all queries, special tokens included."""
    token_offsets: Longs
    """``[queries + 1]`` where a query's tokens begin."""
    scored_positions: Ints
    """``[scored]`` positions within their query at which the object's tokens are predicted."""
    scored_offsets: Longs
    """``[queries + 1]`` where a query's scored positions begin."""
    row_fact: Ints
    """``[rows]`` index into ``fact_ids``; rows are sorted by fact id, then mask count."""
    row_query: Ints
    """``[rows]`` the query that a row asks; several rows may share one."""
    fact_ids: pl.Series
    """``[facts]`` sorted."""
    gold_ids: Ints
    """Token ids of the facts' objects, without the ignored token: one for each scored position of
    the query with as many; none for an object without tokens, which has one scored position."""
    gold_offsets: Longs
    """``[facts + 1]`` where a fact's gold ids begin."""
    prompt_codes: pl.Series
    """``[facts]`` what of the template the model sees: 'whole', or of a causal model 'cut' or
    'no_subject' (``models_gpu.prompting.causal_prompts.prompt_codes``)."""

    @property
    def count(self) -> int:
        """Distinct queries."""
        return len(self.token_offsets) - 1

    @property
    def lengths(self) -> Longs:
        """``[queries]`` tokens per query, descending."""
        return np.diff(self.token_offsets)

    @property
    def scored_counts(self) -> Longs:
        """``[queries]`` scored positions per query, at least one."""
        return np.diff(self.scored_offsets)


def build_queries(model: LoadedModel, facts: pl.DataFrame, mask_counts: str) -> Queries:
    """All distinct queries that ``facts`` ask of ``model``.

    A masked model's query is the template with the subject's label and n masks joined by spaces,
    substituted in one pass: text that looks like a slot or a mask inside a label stays what it is
    and is never scored. A causal model's query is described in ``Queries`` and
    ``models_gpu.prompting.causal_prompts``; it holds no mask.

    Args: model: gives tokenizer, mask, ignored token and number of positions. facts: columns
    ``FACT_COLUMNS``, one row per fact, of one language. mask_counts: 'gold', n is the object's
    token count; 'all', every n from 1 to the longest object of the fact's relation among ``facts``
    (docs/method.md#probing, the published code's way; for masked models alone).

    Raises:
        ModelError: a missing column, a null, a fact twice, a template without exactly one [X] and
            one [Y], a query longer than the model's positions, 'all' for a causal model.
    """
    facts = _checked(facts, mask_counts).sort("fact_id")
    if not model.family.is_causal:
        return _masked_queries(model, facts, mask_counts)
    if mask_counts != "gold":
        raise ModelError(
            f"mask_counts is '{mask_counts}', but a causal model is asked without masks, for as "
            "many tokens as the object has"
        )
    return _causal_queries(model, facts)


def require_gold_counts(queries: Queries, rows: Longs) -> None:
    """Check that rows have queries with as many scored positions as their object has tokens.

    Raises:
        ModelError: a row has another number.
    """
    counts = queries.scored_counts[queries.row_query[rows]]
    fact = queries.row_fact[rows]
    gold_counts = np.diff(queries.gold_offsets)[fact]
    wrong = np.flatnonzero(counts != gold_counts)
    if len(wrong):
        first = wrong[0]
        raise ModelError(
            f"fact '{queries.fact_ids[int(fact[first])]}' has {counts[first]} scored positions, "
            f"but its object has {gold_counts[first]} tokens; these numbers must be equal"
        )


def facts_among(facts: pl.DataFrame, chosen: Collection[str]) -> pl.DataFrame:
    """Keep the facts whose ids are chosen.

    Raises:
        ModelError: a chosen id is not among the facts.
    """
    wanted = pl.DataFrame({"fact_id": pl.Series(list(chosen), dtype=pl.String).unique()})
    unknown_ids = wanted.join(facts, on="fact_id", how="anti").sort("fact_id")
    if not unknown_ids.is_empty():
        raise ModelError(
            f"{unknown_ids.height} chosen facts are not among the facts, such as "
            f"'{unknown_ids['fact_id'][0]}'; they were chosen from another version of the facts"
        )
    return facts.join(wanted, on="fact_id", how="semi")


def _masked_queries(model: LoadedModel, facts: pl.DataFrame, mask_counts: str) -> Queries:
    gold_ids, gold_offsets = tokenise_objects(model, facts["object_label"], facts["template"])
    gold_counts = np.diff(gold_offsets)
    rows = _rows(facts, gold_counts, mask_counts)
    distinct, row_query = _distinct(rows)

    texts, decoys = query_texts(model, distinct)
    token_ids, counts = tokenise(model.encoder, texts, add_special_tokens=True)
    masks_wanted = distinct["mask_count"].to_numpy().astype(np.int64)
    assert model.mask_token_id is not None, "a masked model has a mask token"
    return _longest_first(
        model,
        token_ids=token_ids,
        token_counts=counts,
        scored_positions=mask_positions(
            token_ids, offsets_of(counts), model.mask_token_id, masks_wanted, decoys
        ),
        scored_counts=masks_wanted,
        row_fact=rows["fact"].to_numpy().astype(np.int32),
        row_query=row_query,
        fact_ids=facts["fact_id"],
        gold_ids=gold_ids,
        gold_offsets=gold_offsets,
        prompt_codes=pl.repeat(WHOLE, facts.height, eager=True),
    )


def _causal_queries(model: LoadedModel, facts: pl.DataFrame) -> Queries:
    prompts = tokenise_prompts(model, facts)
    prompt_counts, gold_counts = np.diff(prompts.prompt_offsets), np.diff(prompts.gold_offsets)
    # As many positions as gold tokens, and one for an object without any, so that every fact has a
    # prediction; the last gold token is predicted but never read.
    scored_counts = np.maximum(gold_counts, 1)
    places: dict[tuple[bytes, int], int] = {}
    row_query = np.empty(facts.height, dtype=np.int64)
    for row in range(facts.height):
        start, gold = prompts.prompt_offsets[row], prompts.gold_offsets[row]
        prompt = prompts.prompt_ids[start : prompts.prompt_offsets[row + 1]]
        read = prompts.gold_ids[gold : gold + scored_counts[row] - 1]
        key = (prompt.tobytes() + read.tobytes(), int(scored_counts[row]))
        row_query[row] = places.setdefault(key, len(places))
    _, first = np.unique(row_query, return_index=True)
    wanted = scored_counts[first]
    return _longest_first(
        model,
        token_ids=np.frombuffer(b"".join(tokens for tokens, _ in places), dtype=np.int32),
        token_counts=prompt_counts[first] + wanted - 1,
        scored_positions=ranges(prompt_counts[first] - 1, wanted).astype(np.int32),
        scored_counts=wanted,
        row_fact=np.arange(facts.height, dtype=np.int32),
        row_query=row_query,
        fact_ids=facts["fact_id"],
        gold_ids=prompts.gold_ids,
        gold_offsets=prompts.gold_offsets,
        prompt_codes=facts["template"].map_elements(prompt_code, return_dtype=pl.String),
    )


def _longest_first(
    model: LoadedModel,
    *,
    token_ids: Ints,
    token_counts: Longs,
    scored_positions: Ints,
    scored_counts: Longs,
    row_query: Longs,
    **rest: Any,
) -> Queries:
    """Queries in the order of their lengths; arguments as in ``Queries``, in any order.

    Longest first: the batch that needs most memory comes before the time is spent.
    """
    offsets, scored_offsets = offsets_of(token_counts), offsets_of(scored_counts)
    _check_lengths(model, token_ids, offsets)
    order = np.argsort(-token_counts, kind="stable")
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return Queries(
        token_ids=token_ids[ranges(offsets[:-1][order], token_counts[order])],
        token_offsets=offsets_of(token_counts[order]),
        scored_positions=scored_positions[ranges(scored_offsets[:-1][order], scored_counts[order])],
        scored_offsets=offsets_of(scored_counts[order]),
        row_query=place[row_query],
        **rest,
    )


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


def _check_lengths(model: LoadedModel, token_ids: Ints, offsets: Longs) -> None:
    counts = np.diff(offsets)
    if model.position_count is None or not len(counts) or counts.max() <= model.position_count:
        return
    worst = int(counts.argmax())
    text = model.tokenizer.decode(token_ids[offsets[worst] : offsets[worst + 1]].tolist())
    raise ModelError(
        f"a query has {counts[worst]} tokens, the model has {model.position_count} positions "
        f"({int((counts > model.position_count).sum())} such queries); shorten the names of "
        f"the fact or leave it out: '{text}'"
    )
