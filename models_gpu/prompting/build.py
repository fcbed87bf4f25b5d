"""Building queries: facts are checked, turned into queries, and sorted.

What belongs here: the entry point for all models. What does not: the queries of masked models
(``models_gpu.prompting.clozes``) and of causal models (``models_gpu.prompting.causal_prompts``).
Definitions: docs/method.md#probing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from models_gpu.errors import ModelError
from models_gpu.prompting.causal_prompts import causal_queries, tokenise_prompts
from models_gpu.prompting.clozes import masked_queries, tokenise_objects
from models_gpu.prompting.queries import Queries, QueryBuilder, longest_first
from models_gpu.ragged import offsets_of, ranges

if TYPE_CHECKING:
    from models_gpu.loading.load import LoadedModel

__all__ = ["FACT_COLUMNS", "build_queries", "facts_among", "name_tokens"]

FACT_COLUMNS = ("fact_id", "relation_id", "template", "subject_label", "object_label")
"""Columns of the facts that can be queried: text, one row per fact."""


def build_queries(
    model: LoadedModel, facts: pl.DataFrame, mask_counts: str, *, leaves_out: bool = False
) -> Queries:
    """Build the distinct queries of some facts, longest first.

    Args:
        model: gives tokenizer, mask, ignored token and number of positions.
        facts: columns ``FACT_COLUMNS``, one row per fact, of one language.
        mask_counts: 'gold', as many masks as the object has tokens; 'all', every number from 1 to
            the longest object of the fact's relation among ``facts`` (as in the published code; for
            masked models only).
        leaves_out: a fact that the model cannot be asked, because a query is longer than its
            positions or has a token without an embedding, gets no rows; otherwise an error.

    Raises:
        ModelError: a missing column, a null, a duplicate fact, a template without exactly one [X]
            and one [Y], a fact that the model cannot be asked, 'all' for a causal model.
    """
    facts = _checked(facts, mask_counts).sort("fact_id")
    build: QueryBuilder = causal_queries if model.family.is_causal else masked_queries
    queries = build(model, facts, mask_counts)
    faults = _faults(model, queries)
    if faults and not leaves_out:
        _refuse(queries, faults)
    if faults:
        queries = _without(queries, faults)
    return longest_first(queries)


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


def name_tokens(model: LoadedModel, facts: pl.DataFrame) -> pl.Series:
    """List the tokens of the object's name in every row, as its query would have them.

    Args:
        model: gives the tokenizer.
        facts: columns ``template, subject_label, object_label``; ids are not needed.

    Returns:
        ``[rows]`` lists of token ids; empty for a name without tokens, or with a token that the
        vocabulary or the model's embeddings lack.
    """
    if model.family.is_causal:
        prompts = tokenise_prompts(model, facts)
        ids, offsets = prompts.gold_ids, prompts.gold_offsets
    else:
        ids, offsets = tokenise_objects(model, facts["object_label"], facts["template"])
    is_unusable = np.isin(ids, list(model.unknown_token_ids)) | (ids >= model.view.vocabulary_size)
    counts = np.diff(offsets)
    own = np.repeat(np.arange(len(counts)), counts)
    left_out = np.bincount(own, weights=is_unusable, minlength=len(counts)) > 0
    names = pa.LargeListArray.from_arrays(
        offsets_of(np.where(left_out, 0, counts)), ids[~left_out[own]].astype(np.int32)
    )
    return pl.Series("tokens", names, dtype=pl.List(pl.Int32))


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
        raise ModelError(f"facts have nulls in {', '.join(nulls)}; every fact needs all its names")
    twice = facts.filter(pl.col("fact_id").is_duplicated())
    if not twice.is_empty():
        raise ModelError(
            f"fact '{twice['fact_id'][0]}' is given {twice.height} times; give every fact once"
        )
    for template in facts["template"].unique().sort():
        if template.count("[X]") != 1 or template.count("[Y]") != 1:
            raise ModelError(f"template '{template}' needs exactly one [X] and exactly one [Y]")
    return facts


def _faults(model: LoadedModel, queries: Queries) -> dict[int, str]:
    """Find the facts that the model cannot be asked, by their place, each with the reason."""
    found: dict[int, str] = {}
    rows_of_embeddings = model.view.vocabulary_size
    places = np.flatnonzero(queries.token_ids >= rows_of_embeddings)
    owners = np.searchsorted(queries.token_offsets, places, side="right") - 1
    beyond = dict(zip(owners.tolist(), queries.token_ids[places].tolist(), strict=True))
    limit, lengths = model.position_count, queries.lengths.tolist()
    for fact, query in zip(queries.row_fact.tolist(), queries.row_query.tolist(), strict=True):
        length = lengths[query]
        if limit is not None and length > limit:
            found[fact] = (
                f"a query has {length} tokens, the model has {limit} positions "
                f"({sum(n > limit for n in lengths)} queries are too long); shorten the names of "
                "the fact or leave it out"
            )
        elif query in beyond:
            found[fact] = _beyond(model, beyond[query])
    for place in np.flatnonzero(queries.gold_ids >= rows_of_embeddings).tolist():
        fact = int(np.searchsorted(queries.gold_offsets, place, side="right")) - 1
        found.setdefault(fact, _beyond(model, int(queries.gold_ids[place])))
    return found


def _beyond(model: LoadedModel, token_id: int) -> str:
    return (
        f"the token '{model.tokenizer.convert_ids_to_tokens(token_id)}' has the id {token_id}, the "
        f"model has {model.view.vocabulary_size} embeddings"
    )


def _refuse(queries: Queries, faults: dict[int, str]) -> None:
    fact, reason = min(faults.items())
    raise ModelError(
        f"fact '{queries.fact_ids[fact]}' cannot be asked: {reason} ({len(faults)} such facts)"
    )


def _without(queries: Queries, facts: Collection[int]) -> Queries:
    """Drop the rows of some facts, and the queries that no other fact uses."""
    kept = ~np.isin(queries.row_fact, list(facts))
    used, place = np.unique(queries.row_query[kept], return_inverse=True)
    counts, scored = queries.lengths[used], queries.scored_counts[used]
    return replace(
        queries,
        token_ids=queries.token_ids[ranges(queries.token_offsets[:-1][used], counts)],
        token_offsets=offsets_of(counts),
        scored_positions=queries.scored_positions[
            ranges(queries.scored_offsets[:-1][used], scored)
        ],
        scored_offsets=offsets_of(scored),
        row_fact=queries.row_fact[kept],
        row_query=place.astype(np.int32),
    )
