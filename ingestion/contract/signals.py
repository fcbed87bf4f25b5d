"""Signals of where an answer comes from."""

from __future__ import annotations

from ingestion.contract.columns import (
    BOOL,
    DOUBLE,
    FACT,
    INT32,
    LANGUAGE,
    LAYER,
    MODEL,
    TEXT,
    Column,
    LakeTable,
)

__all__ = ["TABLES"]

TABLES: tuple[LakeTable, ...] = (
    LakeTable(
        "latent_languages",
        "One row per model, asked language, fact, layer, object and language of its name: how well "
        "the layer predicts the name of the object, read through the model's own output head "
        "(docs/signals.md#latent-languages). Names are compared that have as many tokens as the "
        "right object's name in the asked language. Empty unless the study asks for it.",
        (
            "model_id",
            "language_code",
            "fact_id",
            "layer_index",
            "is_random",
            "name_language_code",
        ),
        (
            MODEL,
            LANGUAGE,
            FACT,
            LAYER,
            Column(
                "is_random",
                BOOL,
                "Whether the name is that of another object of the relation, drawn at random.",
            ),
            Column(
                "name_language_code",
                TEXT,
                "Wikipedia code of the language that the name is taken from.",
            ),
            Column("object_id", TEXT, "Identifier of the object entity that is named."),
            Column(
                "is_same_name",
                BOOL,
                "Whether the name has the same tokens as the same object's name in the asked "
                "language.",
            ),
            Column(
                "token_count",
                INT32,
                "Tokens of the name: as many as those of the right object's name in the asked "
                "language.",
            ),
            Column(
                "name_rank",
                INT32,
                "Rank of the name at this layer, from 1: the worst rank of its tokens among all "
                "tokens of the vocabulary.",
            ),
            Column(
                "name_log_prob",
                DOUBLE,
                "Natural log-probability of the name at this layer, summed over its tokens.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "patches",
        "One row per model, asked language, language of the source query, asked fact, positions, "
        "layer and answer: the log-probability of the answer after the states at these positions "
        "are replaced, in one layer, by those of a query about another fact of the relation "
        "(docs/signals.md#patching). Empty unless the study asks for it.",
        (
            "model_id",
            "language_code",
            "source_language_code",
            "fact_id",
            "position_code",
            "layer_index",
            "answer_code",
        ),
        (
            MODEL,
            LANGUAGE,
            Column(
                "source_language_code",
                TEXT,
                "Wikipedia code of the language of the source query; the asked language itself "
                "as a control.",
            ),
            FACT,
            Column(
                "source_fact_id",
                TEXT,
                "Fact of the source query: right in both languages, of the same relation, with "
                "another object.",
            ),
            Column(
                "position_code",
                TEXT,
                "Replaced positions. 'subject': the tokens of the subject. 'object': the masks, or "
                "in a causal model the last token of the prompt. 'both': both.",
            ),
            LAYER,
            Column(
                "answer_code",
                TEXT,
                "Scored answer. 'own': the asked fact's object in the asked language. 'source': "
                "the source fact's object in the asked language. 'source_name': the same object in "
                "the source language, where this is another name of as many tokens. 'control': the "
                "object of a third fact, in the asked language.",
            ),
            Column("answer_fact_id", TEXT, "Fact whose object is scored."),
            Column(
                "log_prob_before",
                DOUBLE,
                "Natural log-probability of the answer without a patch, summed over its tokens.",
            ),
            Column("log_prob_after", DOUBLE, "The same with the patch."),
            Column(
                "is_top",
                BOOL,
                "Whether, with the patch, each token of the answer is the most probable one.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "edit_propagations",
        "One row per model, language, fact that is changed in this language, language in which "
        "the model is then asked, and subject that is asked about: how probable the new object is, "
        "before and after (docs/signals.md#edit-propagation).",
        ("model_id", "language_code", "fact_id", "target_language_code", "query_code"),
        (
            MODEL,
            Column(
                "language_code", TEXT, "Wikipedia code of the language of the changed statement."
            ),
            FACT,
            Column("target_language_code", TEXT, "Language in which the model is asked."),
            Column(
                "query_code",
                TEXT,
                "Subject that is asked about. 'edited': that of the changed fact. 'control': "
                "another subject of the relation.",
            ),
            Column("queried_fact_id", TEXT, "The fact that is asked for; for 'edited' fact_id."),
            Column("new_object_id", TEXT, "Identifier of the object that the fact gets."),
            Column("new_object_label", TEXT, "Its name in the language that is asked."),
            Column("step_count", INT32, "Gradient steps of the change; 0 if none was needed."),
            Column(
                "new_log_prob_before",
                DOUBLE,
                "Natural log-probability of the new object for the queried subject in the "
                "unchanged model, summed over its tokens.",
            ),
            Column("new_log_prob_after", DOUBLE, "The same after the change."),
            Column(
                "is_new_top_before",
                BOOL,
                "Whether each token of the new object is the most probable token of the whole "
                "vocabulary in the unchanged model.",
            ),
            Column("is_new_top_after", BOOL, "The same after the change."),
            Column(
                "old_log_prob_before",
                DOUBLE,
                "Natural log-probability of the queried fact's own object in the unchanged model.",
            ),
            Column("old_log_prob_after", DOUBLE, "The same after the change."),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "text_gradients",
        "One row per model, language, fact, language of a text and fact of the same relation that "
        "the text states: how similar are the gradients of the query and of the text "
        "(docs/signals.md#text-gradients)? The text is the fact's evidence in occurrences.",
        ("model_id", "language_code", "fact_id", "text_language_code", "text_fact_id"),
        (
            MODEL,
            Column("language_code", TEXT, "Wikipedia code of the language of the query."),
            FACT,
            Column("text_language_code", TEXT, "Language of the text."),
            Column("text_fact_id", TEXT, "Fact that the text states; fact_id for its own text."),
            Column(
                "gradient_score",
                DOUBLE,
                "Cosine of the projected gradients of the query's loss and of the text's loss.",
            ),
            Column(
                "bm25_score",
                DOUBLE,
                "BM25 of the text for the query with its object, over the model's tokens.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
)
