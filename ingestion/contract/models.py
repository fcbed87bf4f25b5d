"""The models of a study."""

from __future__ import annotations

import pyarrow as pa

from ingestion.contract.columns import (
    BOOL,
    INT32,
    INT64,
    MODEL,
    TEXT,
    Column,
    LakeTable,
)

__all__ = ["TABLES"]

TABLES: tuple[LakeTable, ...] = (
    LakeTable(
        "models",
        "One row per model of the study, as it was resolved and inspected.",
        ("model_id",),
        (
            MODEL,
            Column("source", TEXT, "Hub name or folder of the model, as in the study file."),
            Column(
                "revision",
                TEXT,
                "Commit of a hub model. For a local model 'sha256:…' over its weights.",
            ),
            Column(
                "corpus_id",
                TEXT,
                "Corpus of the study on which the model was trained. Null if the study names none.",
                is_nullable=True,
            ),
            Column(
                "architecture",
                TEXT,
                "Model type of transformers, such as 'bert' or 'xlm-roberta'. "
                "Null without weights.",
                is_nullable=True,
            ),
            Column("objective", TEXT, "Language modelling objective: 'masked' or 'causal'."),
            Column(
                "layer_count",
                INT32,
                "Number of transformer layers. Null without weights.",
                is_nullable=True,
            ),
            Column(
                "neuron_count",
                INT32,
                "FFN neurons per layer (inputs of the down projection). Null without weights.",
                is_nullable=True,
            ),
            Column(
                "hidden_size",
                INT32,
                "Width of the residual stream. Null without weights.",
                is_nullable=True,
            ),
            Column(
                "vocabulary_size",
                INT32,
                "Rows of the output projection. Null without weights.",
                is_nullable=True,
            ),
            Column(
                "parameter_count",
                INT64,
                "Parameters in the weight files. Null without weights.",
                is_nullable=True,
            ),
            Column(
                "tokenizer_hash",
                TEXT,
                "SHA-256 over the tokenizer's serialised state, first 16 hex digits. "
                "Null without weights.",
                is_nullable=True,
            ),
            Column(
                "ignored_token_id",
                INT32,
                "Token that is removed from prediction and object before they are compared "
                "(XLM-R's bare '▁'). Null if the model has none.",
                is_nullable=True,
            ),
            Column(
                "dtype",
                TEXT,
                "Number type of the forward pass: 'float32', 'bfloat16' or 'float16'. "
                "Null without weights.",
                is_nullable=True,
            ),
            Column(
                "mask_counts",
                TEXT,
                "Numbers of masks that were asked. 'gold': the object's token count. 'all': 1 to "
                "the token count of the longest object. Null without weights.",
                is_nullable=True,
            ),
            Column("example_count", INT32, "Solved queries that stand before every query."),
            Column(
                "chat_message",
                TEXT,
                "Message of the user in a chat whose reply begins with the query. Null without a "
                "chat.",
                is_nullable=True,
            ),
            Column(
                "language_codes",
                pa.list_(pa.string()),
                "Languages in which the model is asked, if they are not all of the study. Null: "
                "all of them.",
                is_nullable=True,
            ),
            Column(
                "is_imported",
                BOOL,
                "Whether its predictions are those of a file that somebody else made.",
            ),
        ),
    ),
    LakeTable(
        "missing_models",
        "One row per model of the study that the warehouse lacks because it is not fully computed. "
        "Empty if no model is missing.",
        ("model_id",),
        (
            MODEL,
            Column("source", TEXT, "Hub name or folder of the model, as in the study file."),
            Column(
                "missing_part_count",
                INT64,
                "Parts of the model that are not computed. Null if the model could not be "
                "resolved, because its parts are then unknown.",
                is_nullable=True,
            ),
            Column("reason", TEXT, "The error message, or a note that the model was not tried."),
        ),
    ),
)
