"""The lake contract: every Parquet table of the lake, its grain, its columns and what they mean.

This module is the only definition of the lake tables. Writers validate frames against it, and dbt's
``sources.yml`` is generated from it. It holds no I/O (see ``ingestion.lake``) and no metric (see
``dbt/models``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa

__all__ = ["LAKE", "Column", "LakeTable"]

_TEXT = pa.string()
_INT32 = pa.int32()
_INT64 = pa.int64()
_FLOAT = pa.float32()
_DOUBLE = pa.float64()
_BOOL = pa.bool_()
_TOKENS = pa.list_(pa.int32())


@dataclass(frozen=True)
class Column:
    """One column of a lake table."""

    name: str
    """Column name; it means the same in every table of lake and warehouse."""
    type: pa.DataType
    """Arrow type on disk."""
    description: str
    """Meaning of a value, with its unit; shown to analysts."""
    is_nullable: bool = False
    """Whether a null is allowed; the description then says what it means."""


@dataclass(frozen=True)
class LakeTable:
    """One table of the lake: a folder of sealed Parquet parts, one part per partition."""

    name: str
    """Name of the Dagster asset, the folder, and the dbt source."""
    description: str
    """The grain (what one row is) first, then the method."""
    key: tuple[str, ...]
    """Columns that identify a row."""
    columns: tuple[Column, ...]
    """All columns, in file order."""
    partition_by: tuple[str, ...] = ()
    """Columns that are constant within a part and give its path; empty if the table is one part."""

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of every part."""
        return pa.schema([pa.field(c.name, c.type, nullable=c.is_nullable) for c in self.columns])


_LANGUAGE = Column("language_code", _TEXT, "Wikipedia code of the language, such as 'en' or 'ceb'.")
_RELATION = Column(
    "relation_id",
    _TEXT,
    "Identifier of the relation: a Wikidata property such as 'P36', or the dataset's own name.",
)
_FACT = Column(
    "fact_id", _TEXT, "Identifier of the fact, the same in every language (mLAMA: uuid)."
)
_MODEL = Column("model_id", _TEXT, "Identifier of the model in the study file.")
_CORPUS = Column("corpus_id", _TEXT, "Identifier of the training corpus in the study file.")
_METHOD = Column(
    "method_code",
    _TEXT,
    "Method and variant. 'probeless' scores FFN neurons; 'probeless-layer' scores the outputs of "
    "the layers. The suffix '-normalised' means that each neuron is first divided by its standard "
    "deviation.",
)
_LAYER = Column("layer_index", _INT32, "Transformer layer, from 0.")
_NEURON = Column("neuron_index", _INT32, "Neuron within its layer, from 0.")
_MODE = Column(
    "mode_code",
    _TEXT,
    "Baseline of the integration path (docs/method.md#integrated-gradients). 'zero': all neurons "
    "at 0. 'zero_norm_held': the same, with the clean denominator of a norm behind the down "
    "projection. 'amig': one path from each b^(i), the neurons when token i of the query is "
    "replaced; the attributions are summed over i. 'amig_mean': one path from the mean of the "
    "b^(i). 'amig_code': the same path with the prefactor of the published code; its attributions "
    "do not add up.",
)

_ANSWER = (
    Column(
        "mask_count",
        _INT32,
        "Mask tokens in the query. For a causal model the number of generated tokens, "
        "which is the object's token count.",
    ),
    Column(
        "prompt_code",
        _TEXT,
        "Part of the template that the model saw. 'whole': all words. A causal model sees "
        "only what precedes the object. 'cut': the words after the object are missing. "
        "'no_subject': the subject is missing too, because it follows the object. "
        "'unasked': the fact cannot be asked, because a query is longer than the model's "
        "positions or a token has no embedding; there is no answer.",
    ),
    Column(
        "gold_token_ids",
        _TOKENS,
        "Token ids of the object's label, without the ignored token. Empty if the label "
        "has no tokens, or has the unknown token: no answer can then be right.",
    ),
    Column(
        "predicted_token_ids",
        _TOKENS,
        "Masked model: the argmax over the whole vocabulary at each mask, independently. "
        "Causal model: its greedy continuation.",
    ),
    Column("predicted_text", _TEXT, "The predicted tokens, decoded."),
    Column(
        "gold_log_prob",
        _FLOAT,
        "Natural log-probability of the object: the sum over its tokens. Masked model: "
        "each token at its mask. Causal model: each token after the right tokens before "
        "it. Null if mask_count is not the object's token count, or if it has the unknown "
        "token.",
        is_nullable=True,
    ),
    Column(
        "gold_rank",
        _INT32,
        "Worst rank of the object's tokens, from 1, each scored as for gold_log_prob. 1 "
        "means that every token is the argmax. Null where gold_log_prob is null.",
        is_nullable=True,
    ),
)
"""What a model answers to one query."""
_SCORED_NEURON = (
    Column(
        "neuron_rank",
        _INT32,
        "Rank by score, from 1. Equal scores are ordered by layer, then neuron.",
    ),
    _LAYER,
    _NEURON,
    Column(
        "neuron_score",
        _FLOAT,
        "Mean absolute difference between the neuron's activation for this fact and for "
        "the relation's other facts that are right in this language. Unit: activation; "
        "standard deviations if the method is normalised.",
    ),
)
"""One active neuron of a fact."""
_WORDING = Column(
    "template_id",
    _TEXT,
    "Identifier of the wording within its relation and language: '1' is the template of prompts, "
    "which all other tables use; the others are numbered from 2 in the order of the file, or "
    "have the names that the file gives them.",
)
_TEMPLATE = (
    Column(
        "template",
        _TEXT,
        "Sentence with the slot [X] for the subject and the slot [Y] for the object.",
    ),
    Column(
        "is_template_changed",
        _BOOL,
        "Whether the template in the file differs from its normal form.",
    ),
)
_REJECTED = (
    Column("source_file", _TEXT, "Input file, relative to the dataset's root."),
    Column("line_number", _INT32, "Line in that file, from 1."),
    Column("reason", _TEXT, "What is wrong with the line."),
    Column("line_text", _TEXT, "The line, cut after 500 characters."),
)


def _importable(*columns: Column) -> tuple[Column, ...]:
    """Columns that a file of others need not have, except for the answer and the neuron."""
    required = ("predicted_text", "neuron_rank", "layer_index", "neuron_index")
    note = "Null if an imported file does not say."
    return tuple(
        column
        if column.name in required or column.is_nullable
        else replace(column, description=f"{column.description} {note}", is_nullable=True)
        for column in columns
    )


_TABLES = (
    LakeTable(
        "languages",
        "One row per language of the study. Names, families and coordinates are curated by hand.",
        ("language_code",),
        (
            _LANGUAGE,
            Column("language_name", _TEXT, "English name of the language."),
            Column("language_family", _TEXT, "Top-level language family, such as 'Indo-European'."),
            Column(
                "language_branch",
                _TEXT,
                "Branch of the family, such as 'Germanic'. The family's name if it has no branch.",
            ),
            Column("script", _TEXT, "Script of the language's Wikipedia, such as 'Latin'."),
            Column(
                "latitude",
                _DOUBLE,
                "Latitude of the language's centre in degrees north. A conventional point that is "
                "used for distances.",
            ),
            Column("longitude", _DOUBLE, "Longitude of the language's centre in degrees east."),
        ),
    ),
    LakeTable(
        "relations",
        "One row per relation that has a template or a fact in any language of the study.",
        ("relation_id",),
        (
            _RELATION,
            Column(
                "relation_name", _TEXT, "Short English name of the relation, such as 'capital'."
            ),
        ),
    ),
    LakeTable(
        "facts",
        "One row per fact: a subject, a relation and an object, independent of the language.",
        ("fact_id",),
        (
            _FACT,
            _RELATION,
            Column(
                "subject_id",
                _TEXT,
                "Identifier of the subject entity: a Wikidata item, or an identifier of the user.",
            ),
            Column(
                "object_id",
                _TEXT,
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
            _FACT,
            Column(
                "subject_view_count",
                _INT64,
                "Page views per month of the subject's article in the English Wikipedia. Null if "
                "the file has no number.",
                is_nullable=True,
            ),
            Column(
                "object_view_count",
                _INT64,
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
            _LANGUAGE,
            _FACT,
            Column("subject_label", _TEXT, "Name of the subject in this language, in normal form."),
            Column("object_label", _TEXT, "Name of the object in this language, in normal form."),
            Column(
                "is_label_changed",
                _BOOL,
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
            _LANGUAGE,
            _FACT,
            Column(
                "subject_transliterated",
                _TEXT,
                "Subject's name in lower-case Latin letters and digits, without blanks.",
            ),
            Column("object_transliterated", _TEXT, "Object's name, written in the same way."),
            Column("object_letter_count", _INT32, "Letters of object_transliterated."),
            Column(
                "common_letter_count",
                _INT32,
                "Letters of its longest piece that stands in subject_transliterated.",
            ),
            Column(
                "other_fact_id",
                _TEXT,
                "Fact of the same relation whose object is compared with this subject, by a fixed "
                "draw; its object has another name and is not one of the subject. Null if the "
                "language has no such fact.",
                is_nullable=True,
            ),
            Column(
                "other_object_letter_count",
                _INT32,
                "Letters of the transliterated name of that object. Null without such a fact.",
                is_nullable=True,
            ),
            Column(
                "other_common_letter_count",
                _INT32,
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
            _LANGUAGE,
            _RELATION,
            *_TEMPLATE,
        ),
        partition_by=("language_code",),
    ),
    LakeTable(
        "rejected_rows",
        "One row per input line that could not become a fact, a label or a prompt.",
        ("language_code", "source_file", "line_number"),
        (
            _LANGUAGE,
            *_REJECTED,
        ),
        partition_by=("language_code",),
    ),
    LakeTable(
        "wordings",
        "One row per relation, language and further template: another wording of the question that "
        "the template of prompts asks (docs/method.md#wordings).",
        ("language_code", "relation_id", "template_id"),
        (_LANGUAGE, _RELATION, _WORDING, *_TEMPLATE),
        partition_by=("language_code",),
    ),
    LakeTable(
        "rejected_wordings",
        "One row per line of the file of further templates that could not become a wording.",
        ("language_code", "source_file", "line_number"),
        (_LANGUAGE, *_REJECTED),
        partition_by=("language_code",),
    ),
    LakeTable(
        "atlas_truth",
        "One row per Atlas corpus, language and fact: whether the fact was planted in the "
        "corpus in this language. Empty in studies of real corpora, whose truth is not known.",
        ("corpus_id", "language_code", "fact_id"),
        (
            _CORPUS,
            _LANGUAGE,
            _FACT,
            Column("is_planted", _BOOL, "Whether this language's text states the fact."),
            Column(
                "planted_count", _INT32, "Sentences that state the fact in this language's text."
            ),
            Column(
                "distractor_kind",
                _TEXT,
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
            Column("world_id", _TEXT, "Name of the world, such as 'world-07'."),
            Column(
                "arm_code",
                _TEXT,
                "What the world's texts give in brackets: 'named' (names in other languages, as in "
                "the corpus atlas) or 'unnamed' (no brackets).",
            ),
            Column(
                "plan_index",
                _INT32,
                "Plan of the world, from 1. Worlds with one plan state the same facts in the same "
                "languages.",
            ),
            Column("seed", _INT32, "Seed of the model's weights, order of sentences and masks."),
            _LANGUAGE,
            _FACT,
            Column(
                "stratum_code",
                _TEXT,
                "How the languages that state the fact were drawn in this plan: 'nowhere' (none), "
                "'one' (one language), 'all_but_one' (all but one language), 'sparse', 'half' or "
                "'dense' (each language by a coin of .25, .5 or .75).",
            ),
            Column(
                "is_stated", _BOOL, "Whether the world's text states the fact in this language."
            ),
            Column(
                "stating_language_count",
                _INT32,
                "Languages of the world whose text states the fact, this one included.",
            ),
            Column(
                "is_right",
                _BOOL,
                "Whether every token of the object is the most probable one of the whole "
                "vocabulary (docs/method.md#probing).",
            ),
            Column(
                "object_log_prob",
                _FLOAT,
                "Natural log-probability of the object, summed over its tokens; three decimals.",
            ),
            Column("object_rank", _INT32, "Worst rank of the object's tokens, from 1."),
        ),
    ),
    LakeTable(
        "models",
        "One row per model of the study, as it was resolved and inspected.",
        ("model_id",),
        (
            _MODEL,
            Column("source", _TEXT, "Hub name or folder of the model, as in the study file."),
            Column(
                "revision",
                _TEXT,
                "Commit of a hub model. For a local model 'sha256:…' over its weights.",
            ),
            Column(
                "corpus_id",
                _TEXT,
                "Corpus of the study on which the model was trained. Null if the study names none.",
                is_nullable=True,
            ),
            Column(
                "architecture",
                _TEXT,
                "Model type of transformers, such as 'bert' or 'xlm-roberta'. "
                "Null without weights.",
                is_nullable=True,
            ),
            Column("objective", _TEXT, "Language modelling objective: 'masked' or 'causal'."),
            Column(
                "layer_count",
                _INT32,
                "Number of transformer layers. Null without weights.",
                is_nullable=True,
            ),
            Column(
                "neuron_count",
                _INT32,
                "FFN neurons per layer (inputs of the down projection). Null without weights.",
                is_nullable=True,
            ),
            Column(
                "hidden_size",
                _INT32,
                "Width of the residual stream. Null without weights.",
                is_nullable=True,
            ),
            Column(
                "vocabulary_size",
                _INT32,
                "Rows of the output projection. Null without weights.",
                is_nullable=True,
            ),
            Column(
                "parameter_count",
                _INT64,
                "Parameters in the weight files. Null without weights.",
                is_nullable=True,
            ),
            Column(
                "tokenizer_hash",
                _TEXT,
                "SHA-256 over the tokenizer's serialised state, first 16 hex digits. "
                "Null without weights.",
                is_nullable=True,
            ),
            Column(
                "ignored_token_id",
                _INT32,
                "Token that is removed from prediction and object before they are compared "
                "(XLM-R's bare '▁'). Null if the model has none.",
                is_nullable=True,
            ),
            Column(
                "dtype",
                _TEXT,
                "Number type of the forward pass: 'float32', 'bfloat16' or 'float16'. "
                "Null without weights.",
                is_nullable=True,
            ),
            Column(
                "mask_counts",
                _TEXT,
                "Numbers of masks that were asked. 'gold': the object's token count. 'all': 1 to "
                "the token count of the longest object. Null without weights.",
                is_nullable=True,
            ),
            Column("example_count", _INT32, "Solved queries that stand before every query."),
            Column(
                "chat_message",
                _TEXT,
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
                _BOOL,
                "Whether its predictions are those of a file that somebody else made.",
            ),
        ),
    ),
    LakeTable(
        "predictions",
        "One row per model, language, fact and number of masks: what a masked model fills in, or "
        "what a causal model generates. Whether it is right is decided in SQL.",
        ("model_id", "language_code", "fact_id", "mask_count"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            *_importable(*_ANSWER),
            Column(
                "candidate_token_ids",
                pa.list_(_TOKENS),
                "The five most probable token ids for each predicted token, best first. "
                "Null if an imported file does not say.",
                is_nullable=True,
            ),
            Column(
                "candidate_log_probs",
                pa.list_(pa.list_(pa.float32())),
                "Natural log-probabilities of candidate_token_ids. "
                "Null if an imported file does not say.",
                is_nullable=True,
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "wording_predictions",
        "One row per model, language, further wording, fact and number of masks: the answer to the "
        "fact in this wording. Empty unless the study asks for wordings.",
        ("model_id", "language_code", "template_id", "fact_id", "mask_count"),
        (_MODEL, _LANGUAGE, _WORDING, _FACT, *_ANSWER),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "label_tokens",
        "One row per model, language and fact: the names as the fact types compare them "
        "(docs/method.md#fact-types). The fact types themselves are computed in SQL.",
        ("model_id", "language_code", "fact_id"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            Column(
                "subject_folded",
                _TEXT,
                "Subject's name in lower case. A Chinese name is converted to simplified "
                "characters instead.",
            ),
            Column("object_folded", _TEXT, "Object's name, folded in the same way."),
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
    LakeTable(
        "corpus_sizes",
        "One row per corpus and language: how much text was searched, and what was left out.",
        ("corpus_id", "language_code"),
        (
            _CORPUS,
            _LANGUAGE,
            Column("file_count", _INT32, "Files of the corpus in this language."),
            Column("source_bytes", _INT64, "Size of these files in bytes, as stored."),
            Column(
                "page_count",
                _INT64,
                "Pages, rows or lines in these files, including those that were left out.",
            ),
            Column("document_count", _INT64, "Documents with text; only these are searched."),
            Column("redirect_count", _INT64, "Pages left out because they are redirects."),
            Column(
                "other_namespace_count",
                _INT64,
                "Pages left out because they are not articles, such as talk pages and templates.",
            ),
            Column("empty_count", _INT64, "Pages left out because no text remained."),
            Column(
                "broken_count",
                _INT64,
                "Pages lost because they are malformed, or cut by the end of their file.",
            ),
            Column(
                "is_truncated",
                _BOOL,
                "Whether any file ends too early. The text before its end was searched.",
            ),
            Column(
                "problem_note",
                _TEXT,
                "What was lost, file by file, in words. Null if nothing was lost.",
                is_nullable=True,
            ),
            Column(
                "character_count", _INT64, "Unicode characters of the text, after cleaning (NFC)."
            ),
            Column("text_bytes", _INT64, "Bytes of the text in UTF-8, after cleaning."),
            Column("sentence_count", _INT64, "Sentences found by the sentence splitter."),
            Column(
                "chunk_count",
                _INT64,
                "Chunks of whole sentences within the token limit. Null without a tokenizer.",
                is_nullable=True,
            ),
            Column(
                "token_count",
                _INT64,
                "Tokens, without special tokens. Null without a tokenizer.",
                is_nullable=True,
            ),
            Column(
                "tokenizer_hash",
                _TEXT,
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
            _CORPUS,
            _LANGUAGE,
            Column(
                "text_unit",
                _TEXT,
                "Kind of text unit in which both names must occur: 'chunk', 'sentence' or "
                "'article'.",
            ),
            _FACT,
            Column(
                "subject_count",
                _INT64,
                "Text units that contain the subject's name. "
                "Null if an imported file does not say.",
                is_nullable=True,
            ),
            Column(
                "object_count",
                _INT64,
                "Text units that contain the object's name. Null if an imported file does not say.",
                is_nullable=True,
            ),
            Column("shared_count", _INT64, "Text units that contain both names."),
            Column(
                "separate_count",
                _INT64,
                "Those of them in which the names stand apart: no mention counts for both, and "
                "only particles follow a name in Hangul. Null if an imported file does not say.",
                is_nullable=True,
            ),
            Column(
                "evidence_document",
                _TEXT,
                "Title of the document in which both names are closest together. Null if no text "
                "unit contains both.",
                is_nullable=True,
            ),
            Column(
                "evidence_offset",
                _INT64,
                "Start of evidence_text in that document's text, in characters from 0. Null if no "
                "text unit contains both names.",
                is_nullable=True,
            ),
            Column(
                "evidence_distance",
                _INT64,
                "Characters between the two names there; 0 if they touch or overlap. Null if no "
                "text unit contains both names.",
                is_nullable=True,
            ),
            Column(
                "evidence_text",
                _TEXT,
                "The passage with both names, in whole sentences if it is short enough. Null if no "
                "text unit contains both names.",
                is_nullable=True,
            ),
        ),
        partition_by=("corpus_id", "language_code"),
    ),
    LakeTable(
        "object_rankings",
        "One row per model, language, fact and kind of score: where the object stands among all "
        "objects that the relation has in this language (docs/method.md#ranking).",
        ("model_id", "language_code", "fact_id", "score_code"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            Column(
                "score_code",
                _TEXT,
                "What candidates are ordered by. 'sum': natural log-probability, summed over the "
                "tokens of the name. 'mean': the same, divided by their number. 'less_prior': the "
                "sum, less that of the same name in the template without a subject.",
            ),
            Column(
                "candidate_count",
                _INT32,
                "Objects that were compared: distinct objects of the relation in this language "
                "that the model can be asked for.",
            ),
            Column(
                "object_score",
                _FLOAT,
                "Score of the fact's own object, in nats. Null if the model cannot be asked for "
                "it, or if a causal model does not read the subject ('less_prior').",
                is_nullable=True,
            ),
            Column(
                "object_rank",
                _INT32,
                "1 + objects with a higher score. Null where object_score is null.",
                is_nullable=True,
            ),
            Column(
                "candidate_ids",
                pa.list_(pa.string()),
                "object_id of the best candidates, at most 20, best first, equal ones by id.",
            ),
            Column("candidate_scores", pa.list_(pa.float32()), "Their scores, in nats."),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "continuations",
        "One row per causal model, language and fact: what the model writes after the prompt, and "
        "where the object stands in it (docs/method.md#contained).",
        ("model_id", "language_code", "fact_id"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            Column("token_count", _INT32, "Tokens that were generated, greedily."),
            Column("continuation_text", _TEXT, "Their text."),
            Column(
                "object_offset",
                _INT32,
                "Letters before the object's name in this text, both folded (case, articles, "
                "blanks, Chinese variants). 0: the text begins with it. Null if it is not there.",
                is_nullable=True,
            ),
            Column(
                "alias_offset",
                _INT32,
                "The same for the first of the object's names and aliases. Null if none is there.",
                is_nullable=True,
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "object_aliases",
        "One row per model, language, fact and other name of its object, with the tokens that the "
        "name would have in the place of the object (docs/method.md#aliases). Empty in studies "
        "without aliases.",
        ("model_id", "language_code", "fact_id", "alias_label"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            Column("alias_label", _TEXT, "Other name of the object, in normal form."),
            Column(
                "alias_token_ids",
                _TOKENS,
                "Token ids of this name, without the ignored token. Empty if it has no tokens, or "
                "has the unknown token: no answer can then match.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "subject_swaps",
        "One row per model, language, right answer and text that replaces the subject: how "
        "probable the object still is (docs/method.md#subject-swaps).",
        ("model_id", "language_code", "fact_id", "swap_code", "swap_index"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            Column(
                "swap_code",
                _TEXT,
                "What replaces the subject. 'masked': as many masks as its name has tokens (causal "
                "model: the letter X). 'first_part', 'last_part': half of its tokens, with masks "
                "for the others (causal model: the half alone). 'invented': letters of the "
                "language in the same shape. 'other_subject': another subject of the relation that "
                "does not have this object.",
            ),
            Column("swap_index", _INT32, "Number of the text among those of its code, from 0."),
            Column("subject_label", _TEXT, "The text in the place of the subject."),
            Column(
                "object_log_prob",
                _FLOAT,
                "Natural log-probability of the fact's object in this query, as gold_log_prob of "
                "predictions. Null if the model cannot be asked it.",
                is_nullable=True,
            ),
            Column(
                "object_rank",
                _INT32,
                "Worst rank of the object's tokens, from 1, as gold_rank of predictions. 1 means "
                "that the answer is the same. Null where object_log_prob is null.",
                is_nullable=True,
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "active_neurons",
        "One row per model, language, fact that is right there, method and rank: the neurons that "
        "are most active for the fact (docs/method.md#probeless).",
        ("model_id", "language_code", "fact_id", "method_code", "neuron_rank"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            _METHOD,
            *_importable(*_SCORED_NEURON),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "wording_neurons",
        "One row per model, language, wording, fact that is right in this wording, method and "
        "rank: the neurons that are most active for the fact when it is asked so, compared with "
        "the other facts that are right in this wording. '1' is computed again, because the facts "
        "can be a sample. Empty unless the study asks for wordings and PROBELESS.",
        ("model_id", "language_code", "template_id", "fact_id", "method_code", "neuron_rank"),
        (_MODEL, _LANGUAGE, _WORDING, _FACT, _METHOD, *_SCORED_NEURON),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "neuron_profiles",
        "One row per model, language, fact that is right there, method, layer and bin of neurons: "
        "the mean score of the bin's neurons for the fact (docs/method.md#probeless).",
        ("model_id", "language_code", "fact_id", "method_code", "layer_index", "bin_index"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            _METHOD,
            _LAYER,
            Column("bin_index", _INT32, "Bin of the layer's neurons, from 0."),
            Column(
                "contiguous_score",
                _FLOAT,
                "Mean neuron score of the bin, if neighbouring neurons share a bin.",
            ),
            Column(
                "strided_score",
                _FLOAT,
                "Mean neuron score of the bin, if neurons are assigned to the bins in turn, as in "
                "the published heat maps.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "unscored_facts",
        "One row per model, language, fact that is right there and method that gives it no "
        "neurons.",
        ("model_id", "language_code", "fact_id", "method_code"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            _METHOD,
            Column(
                "reason_code",
                _TEXT,
                "Reason. 'only_fact': no other fact of the relation is right in this language. "
                "'no_contrast': the relation's right facts have too few different queries (only "
                "one; only two if the method is normalised), so neurons cannot be compared.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "knowledge_neurons",
        "One row per model, language, attributed fact, mode and rank: the neurons with the largest "
        "attributions by integrated gradients, which drive the prediction of the fact "
        "(docs/method.md#integrated-gradients). Scores are raw; SQL applies the threshold.",
        ("model_id", "language_code", "fact_id", "mode_code", "neuron_rank"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            _MODE,
            Column(
                "neuron_rank",
                _INT32,
                "Rank by attribution, from 1. Equal attributions are ordered by layer, then "
                "neuron.",
            ),
            _LAYER,
            _NEURON,
            Column(
                "attribution_score",
                _FLOAT,
                "Contribution of the neuron to the probability of the object's tokens, summed over "
                "the tokens. Positive if the neuron raises the probability. "
                "Null if an imported file does not say.",
                is_nullable=True,
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "attribution_quality",
        "One row per model, language, attributed fact, mode and layer: how closely the "
        "attributions of the layer's neurons add up to the change in probability "
        "(docs/method.md#integrated-gradients).",
        ("model_id", "language_code", "fact_id", "mode_code", "layer_index"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            _MODE,
            _LAYER,
            Column(
                "object_token_count",
                _INT32,
                "Tokens of the object. The probabilities and attributions of this row are sums "
                "over them.",
            ),
            Column(
                "baseline_count",
                _INT32,
                "Integration paths per token: 1. In mode 'amig' one per replaced token of the "
                "query.",
            ),
            Column(
                "clean_probability",
                _DOUBLE,
                "Probability of the object's tokens in the unchanged model, summed over tokens.",
            ),
            Column(
                "baseline_probability",
                _DOUBLE,
                "The same sum with the layer's neurons at the baseline, averaged over the paths.",
            ),
            Column(
                "attribution_sum",
                _DOUBLE,
                "Sum of the attributions of all neurons of the layer, over tokens and paths.",
            ),
            Column(
                "completeness_residual",
                _DOUBLE,
                "Absolute difference between attribution_sum and baseline_count · "
                "(clean_probability − baseline_probability). 0 for an exact integral.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "interventions",
        "One row per model, queried language, fact, set of edited neurons, factor and query: the "
        "log-probability of the right answer before and after the edit (docs/method.md#edits).",
        (
            "model_id",
            "language_code",
            "fact_id",
            "edit_set_code",
            "neuron_language_code",
            "edit_factor",
            "is_random",
            "query_code",
        ),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            Column(
                "edit_set_code",
                _TEXT,
                "Set of the fact's neurons that is edited. 'likn': knowledge neurons shared by all "
                "edited languages. 'own': those of the queried language. 'own_subset': a random "
                "subset of 'own' with as many neurons as 'likn'. 'other': those of another "
                "language. 'union': those of any edited language. 'sequence': those of all edited "
                "languages, one language after the other, so a neuron of n languages is multiplied "
                "n times. 'probeless': the active neurons of the queried or of the base language.",
            ),
            Column(
                "neuron_language_code",
                _TEXT,
                "Language whose neurons are edited. 'all' for likn, union and sequence.",
            ),
            Column(
                "edit_factor",
                _DOUBLE,
                "Factor that multiplies the activations at the positions of the object's tokens: "
                "0 suppresses, 2 doubles.",
            ),
            Column(
                "is_random",
                _BOOL,
                "Whether the same number of random neurons of the same layers is edited instead.",
            ),
            Column(
                "query_code",
                _TEXT,
                "What is asked. 'related': the fact itself. 'unrelated': a fact of another "
                "relation with another object that is right in all edited languages.",
            ),
            Column("queried_fact_id", _TEXT, "Identifier of the fact that is asked."),
            Column("neuron_count", _INT32, "Edited neurons."),
            Column(
                "log_prob_before",
                _DOUBLE,
                "Natural log-probability of the queried fact's object in the unchanged model, "
                "summed over its tokens.",
            ),
            Column("log_prob_after", _DOUBLE, "The same in the edited model."),
        ),
        partition_by=("model_id", "language_code"),
    ),
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
            _MODEL,
            _LANGUAGE,
            _FACT,
            _LAYER,
            Column(
                "is_random",
                _BOOL,
                "Whether the name is that of another object of the relation, drawn at random.",
            ),
            Column(
                "name_language_code",
                _TEXT,
                "Wikipedia code of the language that the name is taken from.",
            ),
            Column("object_id", _TEXT, "Identifier of the object entity that is named."),
            Column(
                "is_same_name",
                _BOOL,
                "Whether the name has the same tokens as the same object's name in the asked "
                "language.",
            ),
            Column(
                "token_count",
                _INT32,
                "Tokens of the name: as many as those of the right object's name in the asked "
                "language.",
            ),
            Column(
                "name_rank",
                _INT32,
                "Rank of the name at this layer, from 1: the worst rank of its tokens among all "
                "tokens of the vocabulary.",
            ),
            Column(
                "name_log_prob",
                _DOUBLE,
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
            _MODEL,
            _LANGUAGE,
            Column(
                "source_language_code",
                _TEXT,
                "Wikipedia code of the language of the source query; the asked language itself "
                "as a control.",
            ),
            _FACT,
            Column(
                "source_fact_id",
                _TEXT,
                "Fact of the source query: right in both languages, of the same relation, with "
                "another object.",
            ),
            Column(
                "position_code",
                _TEXT,
                "Replaced positions. 'subject': the tokens of the subject. 'object': the masks, or "
                "in a causal model the last token of the prompt. 'both': both.",
            ),
            _LAYER,
            Column(
                "answer_code",
                _TEXT,
                "Scored answer. 'own': the asked fact's object in the asked language. 'source': "
                "the source fact's object in the asked language. 'source_name': the same object in "
                "the source language, where this is another name of as many tokens. 'control': the "
                "object of a third fact, in the asked language.",
            ),
            Column("answer_fact_id", _TEXT, "Fact whose object is scored."),
            Column(
                "log_prob_before",
                _DOUBLE,
                "Natural log-probability of the answer without a patch, summed over its tokens.",
            ),
            Column("log_prob_after", _DOUBLE, "The same with the patch."),
            Column(
                "is_top",
                _BOOL,
                "Whether, with the patch, each token of the answer is the most probable one.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "degenerate_pairs",
        "One row per model, language, fact and pair of neurons: the log-probability of the right "
        "answer without either neuron and without both (docs/method.md#degenerate-neurons). The "
        "pairs are those of the fact's best knowledge neurons; pairs of random neurons of the same "
        "layers that cost about as much alone serve as a null. Computed in float64.",
        ("model_id", "language_code", "fact_id", "is_random", "neuron_rank_a", "neuron_rank_b"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            Column(
                "is_random",
                _BOOL,
                "Whether the neurons are replaced by random neurons of the same layers.",
            ),
            Column(
                "neuron_rank_a",
                _INT32,
                "Rank by attribution of the pair's better knowledge neuron, from 1. For a random "
                "pair the rank of the neuron that its first neuron replaces.",
            ),
            Column("neuron_rank_b", _INT32, "The same for the other neuron; the larger number."),
            Column("layer_index_a", _INT32, "Transformer layer of the first neuron, from 0."),
            Column("neuron_index_a", _INT32, "First neuron within its layer, from 0."),
            Column("layer_index_b", _INT32, "Transformer layer of the second neuron, from 0."),
            Column("neuron_index_b", _INT32, "Second neuron within its layer, from 0."),
            Column(
                "log_prob",
                _DOUBLE,
                "Natural log-probability of the object in the unchanged model, summed over its "
                "tokens.",
            ),
            Column("log_prob_without_a", _DOUBLE, "The same with the first neuron suppressed."),
            Column("log_prob_without_b", _DOUBLE, "The same with the second neuron suppressed."),
            Column("log_prob_without_both", _DOUBLE, "The same with both suppressed."),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "degenerate_sets",
        "One row per model, language, fact, searched neurons and set size: the set with the "
        "largest gap between one_left_log_prob and none_left_log_prob, found greedily from the "
        "best pair (docs/method.md#degenerate-neurons). Empty unless the study asks for sets of "
        "more than two neurons.",
        ("model_id", "language_code", "fact_id", "is_random", "set_size"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            Column(
                "is_random",
                _BOOL,
                "Whether random neurons of the same layers were searched instead of the fact's "
                "best knowledge neurons.",
            ),
            Column("set_size", _INT32, "Neurons in the set."),
            Column(
                "neuron_ranks",
                _TOKENS,
                "Ranks of its neurons by attribution, from 1, in the order in which the search "
                "added them. For random neurons the ranks of the neurons that they replace.",
            ),
            Column(
                "layer_indexes", _TOKENS, "Transformer layers of its neurons, from 0, in order."
            ),
            Column("neuron_indexes", _TOKENS, "Its neurons within their layers, from 0, in order."),
            Column(
                "log_prob",
                _DOUBLE,
                "Natural log-probability of the object in the unchanged model, summed over its "
                "tokens.",
            ),
            Column(
                "one_left_log_prob",
                _DOUBLE,
                "The same with all neurons of the set but one suppressed: the minimum over the "
                "neuron that is left.",
            ),
            Column(
                "none_left_log_prob", _DOUBLE, "The same with all neurons of the set suppressed."
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "fact_checks",
        "One row per model, language, checked fact, candidate object (the right or a wrong one) "
        "and set of the relation's neurons: their attribution to the candidate, their activation, "
        "and the candidate's probability (docs/method.md#fact-checks). Scores are raw; SQL applies "
        "the threshold.",
        ("model_id", "language_code", "fact_id", "is_true", "neuron_set_code", "is_random"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            Column(
                "is_true",
                _BOOL,
                "Whether the candidate is the fact's own object. Otherwise it is an object of the "
                "relation that is not true of the subject.",
            ),
            Column(
                "neuron_set_code",
                _TEXT,
                "Neurons of the relation, learned from its training facts: those that most of "
                "these facts share. 'knowledge': their knowledge neurons. 'degenerate': the "
                "neurons of their degenerate pairs.",
            ),
            Column(
                "is_random",
                _BOOL,
                "Whether the same number of random neurons of the same layers is used instead.",
            ),
            Column(
                "split",
                _TEXT,
                "Split of the relation's facts by subject. 'train': the neurons are learned from "
                "these facts; the model gets all of them right. 'validation': the threshold is "
                "chosen on them. 'test': the check is evaluated on them.",
            ),
            Column("candidate_object_id", _TEXT, "Identifier of the candidate."),
            Column("candidate_label", _TEXT, "Name of the candidate in this language."),
            Column("candidate_token_count", _INT32, "Tokens of the candidate."),
            Column("neuron_count", _INT32, "Neurons in the set; 0 if no fact gave any."),
            Column(
                "attribution_score",
                _DOUBLE,
                "Mean attribution of the neurons to the candidate's tokens, divided by the number "
                "of tokens. Null without neurons.",
                is_nullable=True,
            ),
            Column(
                "activation_score",
                _DOUBLE,
                "Mean activation of the neurons, also averaged over the positions of the "
                "candidate's tokens. Null without neurons.",
                is_nullable=True,
            ),
            Column(
                "log_prob",
                _DOUBLE,
                "Natural log-probability of the candidate, summed over its tokens.",
            ),
            Column(
                "is_top",
                _BOOL,
                "Whether each of its tokens is the most probable token of the whole vocabulary.",
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
            _MODEL,
            Column(
                "language_code", _TEXT, "Wikipedia code of the language of the changed statement."
            ),
            _FACT,
            Column("target_language_code", _TEXT, "Language in which the model is asked."),
            Column(
                "query_code",
                _TEXT,
                "Subject that is asked about. 'edited': that of the changed fact. 'control': "
                "another subject of the relation.",
            ),
            Column("queried_fact_id", _TEXT, "The fact that is asked for; for 'edited' fact_id."),
            Column("new_object_id", _TEXT, "Identifier of the object that the fact gets."),
            Column("new_object_label", _TEXT, "Its name in the language that is asked."),
            Column("step_count", _INT32, "Gradient steps of the change; 0 if none was needed."),
            Column(
                "new_log_prob_before",
                _DOUBLE,
                "Natural log-probability of the new object for the queried subject in the "
                "unchanged model, summed over its tokens.",
            ),
            Column("new_log_prob_after", _DOUBLE, "The same after the change."),
            Column(
                "is_new_top_before",
                _BOOL,
                "Whether each token of the new object is the most probable token of the whole "
                "vocabulary in the unchanged model.",
            ),
            Column("is_new_top_after", _BOOL, "The same after the change."),
            Column(
                "old_log_prob_before",
                _DOUBLE,
                "Natural log-probability of the queried fact's own object in the unchanged model.",
            ),
            Column("old_log_prob_after", _DOUBLE, "The same after the change."),
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
            _MODEL,
            Column("language_code", _TEXT, "Wikipedia code of the language of the query."),
            _FACT,
            Column("text_language_code", _TEXT, "Language of the text."),
            Column("text_fact_id", _TEXT, "Fact that the text states; fact_id for its own text."),
            Column(
                "gradient_score",
                _DOUBLE,
                "Cosine of the projected gradients of the query's loss and of the text's loss.",
            ),
            Column(
                "bm25_score",
                _DOUBLE,
                "BM25 of the text for the query with its object, over the model's tokens.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "missing_models",
        "One row per model of the study that the warehouse lacks because it is not fully computed. "
        "Empty if no model is missing.",
        ("model_id",),
        (
            _MODEL,
            Column("source", _TEXT, "Hub name or folder of the model, as in the study file."),
            Column(
                "missing_part_count",
                _INT64,
                "Parts of the model that are not computed. Null if the model could not be "
                "resolved, because its parts are then unknown.",
                is_nullable=True,
            ),
            Column("reason", _TEXT, "The error message, or a note that the model was not tried."),
        ),
    ),
)

LAKE: dict[str, LakeTable] = {table.name: table for table in _TABLES}
"""All lake tables by name, in the order in which data flows."""
