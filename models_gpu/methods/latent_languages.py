"""Latent languages: in which language every layer of a model names the object of a fact.

What belongs here: which names are compared for a fact, and the rows of the lake table
``latent_languages``. What does not: scores at layers (``models_gpu.engine.layer_scores``), which
language is the best one (SQL). Definitions: docs/signals.md#latent-languages.

A name can be compared with the name in the asked language if it has as many tokens: in a masked
model it is then predicted at the same masks, and in both kinds of model a sum over fewer tokens
would be larger for that reason alone. The names of another object of the relation are the null.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import polars as pl

from models_gpu.engine.layer_scores import score_layers
from models_gpu.lake_rows import lake_rows
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.fact_choice import true_objects
from models_gpu.progress import Progress
from models_gpu.prompting.build import build_queries, facts_among, name_tokens
from models_gpu.seeded import shuffled

__all__ = ["NAME_COLUMNS", "latent_languages"]

NAME_COLUMNS = ("relation_id", "object_id", "language_code", "object_label")
"""Columns of the names of objects: one row per relation, object and language."""
_TRIED_OBJECTS = 4
"""Other objects whose names are counted in tokens before one of them is taken as the null."""


def latent_languages(
    model: LoadedModel,
    language: str,
    facts: pl.DataFrame,
    chosen: Collection[str],
    names: pl.DataFrame,
    *,
    seed: int,
    token_budget: int | None = None,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Score the names of the object in all languages, at every layer, for facts of one language.

    Args:
        model: from ``models_gpu.loading.load``.
        language: the asked language.
        facts: all facts in it: columns ``fact_id, relation_id, template, subject_label,
            object_label, subject_id, object_id``.
        chosen: ids of the facts that are asked.
        names: columns ``NAME_COLUMNS``, in every language whose names are compared.
        seed: seed of the choice of the other objects.
        token_budget: most tokens of a batch; chosen for the device when None.
        progress: called with work done and work in all.

    Returns:
        Columns of the lake table ``latent_languages`` without model and language, sorted by key. A
        fact whose name has no token that the vocabulary knows has no rows.

    Raises:
        ModelError: a chosen fact that is not in ``facts``, and as ``score_layers``.
    """
    asked = facts_among(facts, chosen).sort("fact_id")
    asked = asked.with_columns(tokens_here=name_tokens(model, asked)).with_columns(
        token_count=pl.col("tokens_here").list.len().cast(pl.Int32)
    )
    asked = asked.filter(pl.col("token_count") > 0)
    own = _own_names(model, language, asked, names)
    other = _other_names(model, language, asked, facts, names, own, seed)
    rows = pl.concat([own, other])
    if rows.is_empty():
        return lake_rows("latent_languages", [])
    ids = pl.int_range(pl.len()).cast(pl.String).str.zfill(9)
    rows = rows.with_columns(name_id=ids)
    queries = build_queries(
        model, rows.drop("fact_id").rename({"name_id": "fact_id"}), "gold", leaves_out=True
    )
    scores = score_layers(model, queries, token_budget=token_budget, progress=progress)
    layers, count = scores.log_prob.shape
    scored = pl.DataFrame(
        {
            "name_id": np.tile(queries.fact_ids.gather(queries.row_fact).to_numpy(), layers),
            "layer_index": np.repeat(np.arange(layers, dtype=np.int32), count),
            "name_rank": scores.rank.reshape(-1),
            "name_log_prob": scores.log_prob.reshape(-1),
        },
        schema_overrides={"name_id": pl.String},
    )
    return lake_rows("latent_languages", [scored.join(rows, on="name_id")])


def _own_names(
    model: LoadedModel, language: str, asked: pl.DataFrame, names: pl.DataFrame
) -> pl.DataFrame:
    """List the names of each fact's object that can be compared, that of the asked language first.

    The name in the asked language is the fact's own label.
    """
    foreign = names.filter(pl.col("language_code") != language).select(
        "relation_id",
        "object_id",
        name_language_code="language_code",
        name="object_label",
    )
    elsewhere = asked.drop("object_label").join(foreign, on=["relation_id", "object_id"])
    here = asked.with_columns(name_language_code=pl.lit(language), is_same_name=pl.lit(True))
    fitting = (
        _fitting(model, elsewhere.rename({"name": "object_label"}))
        .with_columns(is_same_name=pl.col("tokens") == pl.col("tokens_here"))
        .select(here.columns)
    )
    return pl.concat([here, fitting]).with_columns(is_random=pl.lit(False))


def _other_names(
    model: LoadedModel,
    language: str,
    asked: pl.DataFrame,
    facts: pl.DataFrame,
    names: pl.DataFrame,
    own: pl.DataFrame,
    seed: int,
) -> pl.DataFrame:
    """Choose another object for each fact, and list its names in the languages of the own names.

    Objects are tried in an order that follows from seed and fact. One must have a name of as many
    tokens in the asked language; of these the first with names in most of the languages is taken.
    """
    tried = _tried_objects(asked, facts, seed)
    named = names.select(
        "relation_id", "object_id", name_language_code="language_code", name="object_label"
    )
    candidates = (
        asked.drop("object_id", "object_label", "tokens_here")
        .join(tried, on="fact_id")
        .join(named, on=["relation_id", "object_id"])
        .rename({"name": "object_label"})
        .join(own.select("fact_id", "name_language_code"), on=["fact_id", "name_language_code"],
              how="semi")
    )  # fmt: skip
    fitting = _fitting(model, candidates)
    here = fitting.filter(pl.col("name_language_code") == language).select(
        "fact_id", "object_id", tokens_here="tokens"
    )
    sized = fitting.join(here, on=["fact_id", "object_id"]).with_columns(
        size=pl.len().over("fact_id", "object_id")
    )
    best = (
        sized.sort("size", "place", descending=[True, False])
        .group_by("fact_id", maintain_order=True)
        .agg(pl.col("object_id").first())
    )
    return (
        sized.join(best, on=["fact_id", "object_id"], how="semi")
        .with_columns(
            is_same_name=pl.col("tokens") == pl.col("tokens_here"), is_random=pl.lit(True)
        )
        .select(own.columns)
    )


def _tried_objects(asked: pl.DataFrame, facts: pl.DataFrame, seed: int) -> pl.DataFrame:
    """List other objects of each fact's relation in the order in which they are tried.

    An object that is true of the same subject is no other object.
    """
    true_of = true_objects(facts)
    objects = {key: set(group["object_id"]) for (key,), group in facts.group_by("relation_id")}
    rows = []
    for fact, relation, subject in asked.select("fact_id", "relation_id", "subject_id").iter_rows():
        others = objects[relation] - true_of[relation, subject]
        drawn = shuffled(sorted(others), seed, "other object", fact)[:_TRIED_OBJECTS]
        rows += [(fact, other, place) for place, other in enumerate(drawn)]
    schema = {"fact_id": pl.String, "object_id": pl.String, "place": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _fitting(model: LoadedModel, rows: pl.DataFrame) -> pl.DataFrame:
    """Keep the rows whose name has ``token_count`` tokens, as the name in the asked language."""
    return rows.with_columns(tokens=name_tokens(model, rows)).filter(
        pl.col("tokens").list.len() == pl.col("token_count")
    )
