"""Facts and the words that ask for them."""

from __future__ import annotations

from ingestion.contract.columns import (
    BOOL,
    DOUBLE,
    FACT,
    INT32,
    INT64,
    LANGUAGE,
    TEXT,
    WORDING,
    Column,
    LakeTable,
)

__all__ = ["TABLES"]

RELATION = Column(
    "relation_id",
    TEXT,
    "Identifier of the relation: a Wikidata property such as 'P36', or the dataset's own name.",
)

TEMPLATE = (
    Column(
        "template",
        TEXT,
        "Sentence with the slot [X] for the subject and the slot [Y] for the object.",
    ),
    Column(
        "is_template_changed",
        BOOL,
        "Whether the template in the file differs from its normal form.",
    ),
)

REJECTED = (
    Column("source_file", TEXT, "Input file, relative to the dataset's root."),
    Column("line_number", INT32, "Line in that file, from 1."),
    Column("reason", TEXT, "What is wrong with the line."),
    Column("line_text", TEXT, "The line, cut after 500 characters."),
)

TABLES: tuple[LakeTable, ...] = (
    LakeTable(
        "languages",
        "One row per language of the study. Names, families and coordinates are curated by hand.",
        ("language_code",),
        (
            LANGUAGE,
            Column("language_name", TEXT, "English name of the language."),
            Column("language_family", TEXT, "Top-level language family, such as 'Indo-European'."),
            Column(
                "language_branch",
                TEXT,
                "Branch of the family, such as 'Germanic'. The family's name if it has no branch.",
            ),
            Column("script", TEXT, "Script of the language's Wikipedia, such as 'Latin'."),
            Column(
                "latitude",
                DOUBLE,
                "Latitude of the language's centre in degrees north. A conventional point that is "
                "used for distances.",
            ),
            Column("longitude", DOUBLE, "Longitude of the language's centre in degrees east."),
        ),
    ),
    LakeTable(
        "relations",
        "One row per relation that has a template or a fact in any language of the study.",
        ("relation_id",),
        (
            RELATION,
            Column("relation_name", TEXT, "Short English name of the relation, such as 'capital'."),
        ),
    ),
    LakeTable(
        "facts",
        "One row per fact: a subject, a relation and an object, independent of the language.",
        ("fact_id",),
        (
            FACT,
            RELATION,
            Column(
                "subject_id",
                TEXT,
                "Identifier of the subject entity: a Wikidata item, or an identifier of the user.",
            ),
            Column(
                "object_id",
                TEXT,
                "Identifier of the object entity: a Wikidata item, or an identifier of the user.",
            ),
        ),
    ),
    LakeTable(
        "fact_popularity",
        "One row per fact whose data set says how often people look up its entities (PopQA). Empty "
        "for other facts.",
        ("fact_id",),
        (
            FACT,
            Column(
                "subject_view_count",
                INT64,
                "Page views per month of the subject's article in the English Wikipedia. Null if "
                "the file has no number.",
                is_nullable=True,
            ),
            Column(
                "object_view_count",
                INT64,
                "Page views per month of the object's article. Null if the file has no number.",
                is_nullable=True,
            ),
        ),
    ),
    LakeTable(
        "fact_labels",
        "One row per fact and language that the dataset has for it: the names of subject and "
        "object in that language.",
        ("language_code", "fact_id"),
        (
            LANGUAGE,
            FACT,
            Column("subject_label", TEXT, "Name of the subject in this language, in normal form."),
            Column("object_label", TEXT, "Name of the object in this language, in normal form."),
            Column(
                "is_label_changed",
                BOOL,
                "Whether a name in the file differs from its normal form (docs/method.md#facts).",
            ),
        ),
        partition_by=("language_code",),
    ),
    LakeTable(
        "name_cues",
        "One row per language and fact of that language: the names of subject and object after "
        "transliteration to Latin letters, and how much they have in common "
        "(docs/signals.md#name-cues). The same for an object that is not one of the subject.",
        ("language_code", "fact_id"),
        (
            LANGUAGE,
            FACT,
            Column(
                "subject_transliterated",
                TEXT,
                "Subject's name in lower-case Latin letters and digits, without blanks.",
            ),
            Column("object_transliterated", TEXT, "Object's name, written in the same way."),
            Column("object_letter_count", INT32, "Letters of object_transliterated."),
            Column(
                "common_letter_count",
                INT32,
                "Letters of its longest piece that stands in subject_transliterated.",
            ),
            Column(
                "other_fact_id",
                TEXT,
                "Fact of the same relation whose object is compared with this subject, by a fixed "
                "draw; its object has another name and is not one of the subject. Null if the "
                "language has no such fact.",
                is_nullable=True,
            ),
            Column(
                "other_object_letter_count",
                INT32,
                "Letters of the transliterated name of that object. Null without such a fact.",
                is_nullable=True,
            ),
            Column(
                "other_common_letter_count",
                INT32,
                "Letters of its longest piece that stands in subject_transliterated. Null without "
                "such a fact.",
                is_nullable=True,
            ),
        ),
        partition_by=("language_code",),
    ),
    LakeTable(
        "prompts",
        "One row per relation and language: the cloze template that asks for the object.",
        ("language_code", "relation_id"),
        (
            LANGUAGE,
            RELATION,
            *TEMPLATE,
        ),
        partition_by=("language_code",),
    ),
    LakeTable(
        "rejected_rows",
        "One row per input line that could not become a fact, a label or a prompt.",
        ("language_code", "source_file", "line_number"),
        (
            LANGUAGE,
            *REJECTED,
        ),
        partition_by=("language_code",),
    ),
    LakeTable(
        "wordings",
        "One row per relation, language and further template: another wording of the question that "
        "the template of prompts asks (docs/method.md#wordings).",
        ("language_code", "relation_id", "template_id"),
        (LANGUAGE, RELATION, WORDING, *TEMPLATE),
        partition_by=("language_code",),
    ),
    LakeTable(
        "rejected_wordings",
        "One row per line of the file of further templates that could not become a wording.",
        ("language_code", "source_file", "line_number"),
        (LANGUAGE, *REJECTED),
        partition_by=("language_code",),
    ),
)
