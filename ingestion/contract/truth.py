"""What is planted in Atlas and its worlds."""

from __future__ import annotations

from ingestion.contract.columns import (
    BOOL,
    CORPUS,
    FACT,
    FLOAT,
    INT32,
    LANGUAGE,
    TEXT,
    Column,
    LakeTable,
)

__all__ = ["TABLES"]

TABLES: tuple[LakeTable, ...] = (
    LakeTable(
        "atlas_truth",
        "One row per Atlas corpus, language and fact: whether the fact was planted in the "
        "corpus in this language. Empty in studies of real corpora, whose truth is not known.",
        ("corpus_id", "language_code", "fact_id"),
        (
            CORPUS,
            LANGUAGE,
            FACT,
            Column("is_planted", BOOL, "Whether this language's text states the fact."),
            Column(
                "planted_count", INT32, "Sentences that state the fact in this language's text."
            ),
            Column(
                "distractor_kind",
                TEXT,
                "For a fact that is not planted: how its names were placed to mislead a tracer, "
                "such as 'same_article', 'object_alone' or 'inside_word'. Null if no distractor "
                "was placed.",
                is_nullable=True,
            ),
        ),
        partition_by=("corpus_id",),
    ),
    LakeTable(
        "world_answers",
        "One row per Atlas world, seed, language and fact: the answer of a model that was trained "
        "on this world (docs/atlas.md#worlds). Each world plants the same facts in other "
        "languages, so the rows show the answers with and without the statement in a language's "
        "text. "
        "Empty in studies of other facts than those of Atlas.",
        ("world_id", "seed", "language_code", "fact_id"),
        (
            Column("world_id", TEXT, "Name of the world, such as 'world-07'."),
            Column(
                "arm_code",
                TEXT,
                "What the world's texts give in brackets: 'named' (names in other languages, as in "
                "the corpus atlas) or 'unnamed' (no brackets).",
            ),
            Column(
                "plan_index",
                INT32,
                "Plan of the world, from 1. Worlds with one plan state the same facts in the same "
                "languages.",
            ),
            Column("seed", INT32, "Seed of the model's weights, order of sentences and masks."),
            LANGUAGE,
            FACT,
            Column(
                "stratum_code",
                TEXT,
                "How the languages that state the fact were drawn in this plan: 'nowhere' (none), "
                "'one' (one language), 'all_but_one' (all but one language), 'sparse', 'half' or "
                "'dense' (each language by a coin of .25, .5 or .75).",
            ),
            Column("is_stated", BOOL, "Whether the world's text states the fact in this language."),
            Column(
                "stating_language_count",
                INT32,
                "Languages of the world whose text states the fact, this one included.",
            ),
            Column(
                "is_right",
                BOOL,
                "Whether every token of the object is the most probable one of the whole "
                "vocabulary (docs/method.md#probing).",
            ),
            Column(
                "object_log_prob",
                FLOAT,
                "Natural log-probability of the object, summed over its tokens; three decimals.",
            ),
            Column("object_rank", INT32, "Worst rank of the object's tokens, from 1."),
        ),
    ),
)
