"""Building queries: facts are checked, turned into queries, and sorted.

What belongs here: the entry point for all models. What does not: the queries of masked models
(``models_gpu.prompting.clozes``) and of causal models (``models_gpu.prompting.causal_prompts``).
Definitions: docs/method.md#probing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import polars as pl

from models_gpu.errors import ModelError
from models_gpu.prompting.causal_prompts import causal_queries
from models_gpu.prompting.clozes import masked_queries
from models_gpu.prompting.queries import Queries, QueryBuilder, longest_first

if TYPE_CHECKING:
    from models_gpu.loading.load import LoadedModel

__all__ = ["FACT_COLUMNS", "build_queries", "facts_among"]

FACT_COLUMNS = ("fact_id", "relation_id", "template", "subject_label", "object_label")
"""Columns of the facts that can be queried: text, one row per fact."""


def build_queries(model: LoadedModel, facts: pl.DataFrame, mask_counts: str) -> Queries:
    """Build the distinct queries of some facts, longest first.

    Args:
        model: gives tokenizer, mask, ignored token and number of positions.
        facts: columns ``FACT_COLUMNS``, one row per fact, of one language.
        mask_counts: 'gold', as many masks as the object has tokens; 'all', every number from 1 to
            the longest object of the fact's relation among ``facts`` (as in the published code; for
            masked models only).

    Raises:
        ModelError: a missing column, a null, a duplicate fact, a template without exactly one [X]
            and one [Y], a query longer than the model's positions, 'all' for a causal model.
    """
    facts = _checked(facts, mask_counts).sort("fact_id")
    build: QueryBuilder = causal_queries if model.family.is_causal else masked_queries
    queries = build(model, facts, mask_counts)
    _check_lengths(model, queries)
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


def _check_lengths(model: LoadedModel, queries: Queries) -> None:
    counts, offsets = queries.lengths, queries.token_offsets
    if model.position_count is None or not len(counts) or counts.max() <= model.position_count:
        return
    worst = int(counts.argmax())
    text = model.tokenizer.decode(queries.token_ids[offsets[worst] : offsets[worst + 1]].tolist())
    raise ModelError(
        f"a query has {counts[worst]} tokens, the model has {model.position_count} positions "
        f"({int((counts > model.position_count).sum())} queries are too long); shorten the names "
        f"of the fact or leave it out: '{text}'"
    )
