"""Training text, and where it states facts."""

from __future__ import annotations

import pyarrow as pa

from ingestion.contract.columns import (
    BOOL,
    CORPUS,
    FACT,
    INT32,
    INT64,
    LANGUAGE,
    MODEL,
    TEXT,
    Column,
    LakeTable,
)

__all__ = ["TABLES"]

TABLES: tuple[LakeTable, ...] = (
    LakeTable(
        "corpus_sizes",
        "One row per corpus and language: how much text was searched, and what was left out.",
        ("corpus_id", "language_code"),
        (
            CORPUS,
            LANGUAGE,
            Column("file_count", INT32, "Files of the corpus in this language."),
            Column("source_bytes", INT64, "Size of these files in bytes, as stored."),
            Column(
                "page_count",
                INT64,
                "Pages, rows or lines in these files, including those that were left out.",
            ),
            Column("document_count", INT64, "Documents with text; only these are searched."),
            Column("redirect_count", INT64, "Pages left out because they are redirects."),
            Column(
                "other_namespace_count",
                INT64,
                "Pages left out because they are not articles, such as talk pages and templates.",
            ),
            Column("empty_count", INT64, "Pages left out because no text remained."),
            Column(
                "broken_count",
                INT64,
                "Pages lost because they are malformed, or cut by the end of their file.",
            ),
            Column(
                "is_truncated",
                BOOL,
                "Whether any file ends too early. The text before its end was searched.",
            ),
            Column(
                "problem_note",
                TEXT,
                "What was lost, file by file, in words. Null if nothing was lost.",
                is_nullable=True,
            ),
            Column(
                "character_count", INT64, "Unicode characters of the text, after cleaning (NFC)."
            ),
            Column("text_bytes", INT64, "Bytes of the text in UTF-8, after cleaning."),
            Column("sentence_count", INT64, "Sentences found by the sentence splitter."),
            Column(
                "chunk_count",
                INT64,
                "Chunks of whole sentences within the token limit. Null without a tokenizer.",
                is_nullable=True,
            ),
            Column(
                "token_count",
                INT64,
                "Tokens, without special tokens. Null without a tokenizer.",
                is_nullable=True,
            ),
            Column(
                "tokenizer_hash",
                TEXT,
                "Hash of the tokenizer that counted, as in models. Null without a tokenizer.",
                is_nullable=True,
            ),
        ),
        partition_by=("corpus_id", "language_code"),
    ),
    LakeTable(
        "occurrences",
        "One row per corpus, language, kind of text unit and fact of that language: in how many "
        "text units its names occur, alone and together (docs/method.md#tracing). Facts that do "
        "not occur have zeros.",
        ("corpus_id", "language_code", "text_unit", "fact_id"),
        (
            CORPUS,
            LANGUAGE,
            Column(
                "text_unit",
                TEXT,
                "Kind of text unit in which both names must occur: 'chunk', 'sentence' or "
                "'article'.",
            ),
            FACT,
            Column(
                "subject_count",
                INT64,
                "Text units that contain the subject's name. "
                "Null if an imported file does not say.",
                is_nullable=True,
            ),
            Column(
                "object_count",
                INT64,
                "Text units that contain the object's name. Null if an imported file does not say.",
                is_nullable=True,
            ),
            Column("shared_count", INT64, "Text units that contain both names."),
            Column(
                "separate_count",
                INT64,
                "Those of them in which the names stand apart: no mention counts for both, and "
                "only particles follow a name in Hangul. Null if an imported file does not say.",
                is_nullable=True,
            ),
            Column(
                "evidence_document",
                TEXT,
                "Title of the document in which both names are closest together. Null if no text "
                "unit contains both.",
                is_nullable=True,
            ),
            Column(
                "evidence_offset",
                INT64,
                "Start of evidence_text in that document's text, in characters from 0. Null if no "
                "text unit contains both names.",
                is_nullable=True,
            ),
            Column(
                "evidence_distance",
                INT64,
                "Characters between the two names there; 0 if they touch or overlap. Null if no "
                "text unit contains both names.",
                is_nullable=True,
            ),
            Column(
                "evidence_text",
                TEXT,
                "The passage with both names, in whole sentences if it is short enough. Null if no "
                "text unit contains both names.",
                is_nullable=True,
            ),
        ),
        partition_by=("corpus_id", "language_code"),
    ),
    LakeTable(
        "label_tokens",
        "One row per model, language and fact: the names as the fact types compare them "
        "(docs/method.md#fact-types). The fact types themselves are computed in SQL.",
        ("model_id", "language_code", "fact_id"),
        (
            MODEL,
            LANGUAGE,
            FACT,
            Column(
                "subject_folded",
                TEXT,
                "Subject's name in lower case. A Chinese name is converted to simplified "
                "characters instead.",
            ),
            Column("object_folded", TEXT, "Object's name, folded in the same way."),
            Column(
                "subject_tokens",
                pa.list_(pa.string()),
                "Distinct tokens of the subject's name, in order. Produced by the model's "
                "tokenizer; includes punctuation; excludes special tokens and the ignored token.",
            ),
            Column(
                "object_tokens",
                pa.list_(pa.string()),
                "Distinct tokens of the object's name, produced in the same way.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
)
