"""Object aliases: the tokens that other names of an object would have in the place of the object.

What does not belong here: comparing them with answers, which is SQL. Definitions:
docs/method.md#aliases.
"""

from __future__ import annotations

import polars as pl

from models_gpu.lake_rows import lake_rows
from models_gpu.loading.load import LoadedModel
from models_gpu.prompting.build import name_tokens

__all__ = ["object_aliases"]


def object_aliases(model: LoadedModel, facts: pl.DataFrame, aliases: pl.DataFrame) -> pl.DataFrame:
    """Tokenise the aliases of every object, each after the prompt of its fact.

    Args:
        model: gives the tokenizer; its weights are not used.
        facts: columns ``FACT_COLUMNS`` and ``object_id``, one row per fact of one language.
        aliases: columns ``entity_id, alias``, in normal form, of the same language.

    Returns:
        The columns of the lake table ``object_aliases`` except model and language.
    """
    others = aliases.select(object_id="entity_id", alias_label="alias").unique()
    named = (
        facts.join(others, on="object_id")
        .filter(pl.col("alias_label") != pl.col("object_label"))
        .with_columns(object_label="alias_label")
        .sort("fact_id", "alias_label")
    )
    rows = named.with_columns(alias_token_ids=name_tokens(model, named))
    return lake_rows("object_aliases", [rows])
