"""The lake contract: every Parquet table of the lake, its grain, its columns and what they mean.

This module is the one place that says what a lake table looks like. Writers validate against it,
dbt's ``sources.yml`` is generated from it, and the data dictionary quotes it. It holds no I/O
(see ``ingestion.lake``) and no metric (see ``dbt/models``).
"""

from __future__ import annotations

from dataclasses import dataclass

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
    """Column name; the same name means the same thing in every table of lake and warehouse."""
    type: pa.DataType
    """Arrow type on disk."""
    description: str
    """What a value is, with its unit; shown to analysts."""
    is_nullable: bool = False
    """Whether a null is a legal value; its meaning is then part of the description."""


@dataclass(frozen=True)
class LakeTable:
    """One table of the lake: a folder of sealed Parquet parts, one part per partition."""

    name: str
    """Name of the Dagster asset, the folder, and the dbt source."""
    description: str
    """What one row is (the grain), then where it comes from."""
    key: tuple[str, ...]
    """Columns that identify a row."""
    columns: tuple[Column, ...]
    """All columns, in file order."""
    partition_by: tuple[str, ...] = ()
    """Columns that are constant within one part and name its path; empty: one part in all."""

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of every part."""
        return pa.schema([pa.field(c.name, c.type, nullable=c.is_nullable) for c in self.columns])


_LANGUAGE = Column("language_code", _TEXT, "Wikipedia code of the language, such as 'en' or 'ceb'.")
_RELATION = Column(
    "relation_id", _TEXT, "Wikidata property or dataset name of the relation, such as 'P36'."
)
_FACT = Column(
    "fact_id", _TEXT, "Identifier of the fact, the same in every language (mLAMA: uuid)."
)
_MODEL = Column("model_id", _TEXT, "Identifier of the model in the study file.")
_CORPUS = Column("corpus_id", _TEXT, "Identifier of the training corpus in the study file.")
_METHOD = Column(
    "method_code",
    _TEXT,
    "Method and variant: 'probeless' over FFN neurons, 'probeless-layer' over the layers' outputs; "
    "'-normalised' when every neuron is divided by its standard deviation first.",
)
_LAYER = Column("layer_index", _INT32, "Transformer layer, from 0.")
_UNIT = Column("neuron_index", _INT32, "Neuron within its layer, from 0.")
_MODE = Column(
    "mode_code",
    _TEXT,
    "Where the path of integration begins (docs/method.md#integrated-gradients): 'zero'; 'amig', one path from each b^(i), "
    "the neurons with token i of the query replaced, attributions summed over i; 'amig_mean', one "
    "path from the mean of the b^(i); 'amig_code', the same path with the published code's "
    "prefactor, whose attributions do not add up.",
)

_TABLES = (
    LakeTable(
        "languages",
        "One row per language of the study. Names, families and places are curated by hand.",
        ("language_code",),
        (
            _LANGUAGE,
            Column("language_name", _TEXT, "English name of the language."),
            Column("language_family", _TEXT, "Top-level language family, such as 'Indo-European'."),
            Column(
                "language_branch",
                _TEXT,
                "Branch of the family, such as 'Germanic'; the family where it has none.",
            ),
            Column("script", _TEXT, "Script in which its Wikipedia is written, such as 'Latin'."),
            Column(
                "latitude",
                _DOUBLE,
                "Latitude of the language's centre in degrees north (a conventional point, for "
                "distances).",
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
                "relation_name",
                _TEXT,
                "Short English name of the relation, such as 'capital'.",
            ),
        ),
    ),
    LakeTable(
        "facts",
        "One row per fact: a subject, a relation and an object, whatever the language.",
        ("fact_id",),
        (
            _FACT,
            _RELATION,
            Column(
                "subject_id",
                _TEXT,
                "Identifier of the subject entity (Wikidata item, or given by the user).",
            ),
            Column(
                "object_id",
                _TEXT,
                "Identifier of the object entity (Wikidata item, or given by the user).",
            ),
        ),
    ),
    LakeTable(
        "fact_labels",
        "One row per fact and language in which the dataset holds it: how subject and "
        "object are called there.",
        ("language_code", "fact_id"),
        (
            _LANGUAGE,
            _FACT,
            Column(
                "subject_label",
                _TEXT,
                "Name of the subject in this language, as the dataset has it.",
            ),
            Column(
                "object_label",
                _TEXT,
                "Name of the object in this language, as the dataset has it.",
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
            Column(
                "template",
                _TEXT,
                "Sentence with the slots [X] for the subject and [Y] for the object.",
            ),
        ),
        partition_by=("language_code",),
    ),
    LakeTable(
        "rejected_rows",
        "One row per input line that could not become a fact, a label or a prompt.",
        ("language_code", "source_file", "line_number"),
        (
            _LANGUAGE,
            Column("source_file", _TEXT, "Input file, relative to the dataset's root."),
            Column("line_number", _INT32, "Line in that file, from 1."),
            Column("reason", _TEXT, "What is wrong with the line."),
            Column("line_text", _TEXT, "The line, cut after 500 characters."),
        ),
        partition_by=("language_code",),
    ),
    LakeTable(
        "atlas_truth",
        "One row per Atlas corpus, language and fact: was the fact planted in that corpus "
        "in that language? "
        "Empty in studies of real corpora, where nobody knows.",
        ("corpus_id", "language_code", "fact_id"),
        (
            _CORPUS,
            _LANGUAGE,
            _FACT,
            Column(
                "is_planted",
                _BOOL,
                "Whether sentences stating the fact stand in this language's text.",
            ),
            Column(
                "planted_count",
                _INT32,
                "Sentences that state the fact in this language's text.",
            ),
            Column(
                "distractor_kind",
                _TEXT,
                "For a fact that is not planted: how its names were laid out to tempt a tracer "
                "(such as 'same_article', 'object_alone', 'inside_word'); null when "
                "nothing was laid out.",
                True,
            ),
        ),
        partition_by=("corpus_id",),
    ),
    LakeTable(
        "models",
        "One row per model of the study, as it was resolved and inspected.",
        ("model_id",),
        (
            _MODEL,
            Column(
                "source",
                _TEXT,
                "Hub name or folder the model was loaded from, as the study gives it.",
            ),
            Column(
                "revision",
                _TEXT,
                "Commit of a hub model; 'sha256:…' over the weights of a local one.",
            ),
            Column(
                "corpus_id",
                _TEXT,
                "Corpus of the study that the model was trained on; null when the study names "
                "none.",
                is_nullable=True,
            ),
            Column(
                "architecture",
                _TEXT,
                "Model family of transformers, such as 'bert' or 'xlm-roberta'.",
            ),
            Column("objective", _TEXT, "'masked' or 'causal' language modelling."),
            Column("layer_count", _INT32, "Number of transformer layers."),
            Column(
                "neuron_count",
                _INT32,
                "FFN neurons per layer (inputs of the down projection).",
            ),
            Column("hidden_size", _INT32, "Width of the residual stream."),
            Column("vocabulary_size", _INT32, "Rows of the output projection."),
            Column("parameter_count", _INT64, "Parameters in the weight files."),
            Column(
                "tokenizer_hash",
                _TEXT,
                "SHA-256 over the tokenizer's serialised state, first 16 hex digits.",
            ),
            Column(
                "ignored_token_id",
                _INT32,
                "Token dropped from both sides before predictions are compared "
                "(XLM-R's bare '▁'); null when there is none.",
                True,
            ),
            Column(
                "dtype",
                _TEXT,
                "Arithmetic of the forward pass: 'float32', 'bfloat16' or 'float16'.",
            ),
            Column(
                "mask_counts",
                _TEXT,
                "'gold': queries with exactly the object's tokens; 'all': 1 to the longest object.",
            ),
        ),
    ),
    LakeTable(
        "predictions",
        "One row per model, language, fact and number of masks: what the model fills in, or as a "
        "causal model says next. Verdicts are left to SQL.",
        ("model_id", "language_code", "fact_id", "mask_count"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            Column(
                "mask_count",
                _INT32,
                "Mask tokens in the query; for a causal model the tokens that it is asked for, as "
                "many as the object has.",
            ),
            Column(
                "prompt_code",
                _TEXT,
                "What of the template the model was shown: 'whole', all its words; of a causal "
                "model, which sees what stands before the object: 'cut', without the words after "
                "it, or 'no_subject', where the subject stands after it.",
            ),
            Column(
                "gold_token_ids",
                _TOKENS,
                "Token ids of the object's label, without the ignored token.",
            ),
            Column(
                "predicted_token_ids",
                _TOKENS,
                "Argmax over the whole vocabulary at each mask, each on its own; of a causal model "
                "the tokens that it says itself, each after those before.",
            ),
            Column("predicted_text", _TEXT, "The predicted tokens, decoded."),
            Column(
                "gold_log_prob",
                _FLOAT,
                "Natural log-probability of the object: sum over its tokens, each at its mask, of "
                "a causal model each after the right ones before it; null when mask_count is not "
                "the object's token count.",
                True,
            ),
            Column(
                "gold_rank",
                _INT32,
                "Worst rank (from 1) of the object's tokens, each scored as for gold_log_prob: 1 "
                "means that all are argmax; "
                "null when mask_count is not the object's token count.",
                True,
            ),
            Column(
                "candidate_token_ids",
                pa.list_(_TOKENS),
                "For each predicted token the five most probable token ids, best first.",
            ),
            Column(
                "candidate_log_probs",
                pa.list_(pa.list_(pa.float32())),
                "Their natural log-probabilities.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "label_tokens",
        "One row per model, language and fact: the names as fact types compare them (docs/method.md#fact-types). "
        "Predictable although absent is SQL over these columns.",
        ("model_id", "language_code", "fact_id"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            Column(
                "subject_folded",
                _TEXT,
                "Subject's name lower-cased; Chinese converted to simplified characters instead.",
            ),
            Column("object_folded", _TEXT, "Object's name, folded in the same way."),
            Column(
                "subject_tokens",
                pa.list_(pa.string()),
                "Distinct tokens of the subject's name by the model's tokenizer, in order, "
                "punctuation included, without special tokens and the ignored token.",
            ),
            Column(
                "object_tokens",
                pa.list_(pa.string()),
                "Distinct tokens of the object's name, likewise.",
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
            Column("file_count", _INT32, "Files that the corpus has for this language."),
            Column("source_bytes", _INT64, "Bytes of these files as they are stored."),
            Column(
                "page_count",
                _INT64,
                "Pages, rows or lines that were found, whatever became of them.",
            ),
            Column("document_count", _INT64, "Documents with text, which is what was searched."),
            Column("redirect_count", _INT64, "Pages left out because they redirect."),
            Column(
                "other_namespace_count",
                _INT64,
                "Pages left out because they are no articles: talk, templates, modules and such.",
            ),
            Column("empty_count", _INT64, "Pages left out because no text remains of them."),
            Column(
                "broken_count",
                _INT64,
                "Pages lost because they are malformed, or cut by the end of their file.",
            ),
            Column(
                "is_truncated",
                _BOOL,
                "Whether a file ends before it should; what came before was searched.",
            ),
            Column(
                "problem_note",
                _TEXT,
                "What was lost, file by file, in words; null when nothing was.",
                is_nullable=True,
            ),
            Column("character_count", _INT64, "Unicode characters of text, after cleaning (NFC)."),
            Column("text_bytes", _INT64, "Bytes of text in UTF-8, after cleaning."),
            Column("sentence_count", _INT64, "Sentences, as the splitter sees them."),
            Column(
                "chunk_count",
                _INT64,
                "Chunks of whole sentences within the token limit; null without a tokenizer.",
                is_nullable=True,
            ),
            Column(
                "token_count",
                _INT64,
                "Tokens without special tokens; null without a tokenizer.",
                is_nullable=True,
            ),
            Column(
                "tokenizer_hash",
                _TEXT,
                "Tokenizer that counted, as in models; null without one.",
                is_nullable=True,
            ),
        ),
        partition_by=("corpus_id", "language_code"),
    ),
    LakeTable(
        "occurrences",
        "One row per corpus, language, kind of unit and fact of that language: in how many units "
        "do its names stand, alone and together (docs/method.md#tracing)? Facts that are absent have zeros.",
        ("corpus_id", "language_code", "text_unit", "fact_id"),
        (
            _CORPUS,
            _LANGUAGE,
            Column(
                "text_unit",
                _TEXT,
                "What counts as together: the same 'chunk', 'sentence' or 'article'.",
            ),
            _FACT,
            Column("subject_count", _INT64, "Units in which the subject's name stands."),
            Column("object_count", _INT64, "Units in which the object's name stands."),
            Column("shared_count", _INT64, "Units in which both names stand."),
            Column(
                "evidence_document",
                _TEXT,
                "Title of the document in which both names stand closest together; "
                "null when they never share a unit.",
                is_nullable=True,
            ),
            Column(
                "evidence_offset",
                _INT64,
                "Where evidence_text begins in that document's text, in characters from 0; "
                "null like evidence_document.",
                is_nullable=True,
            ),
            Column(
                "evidence_distance",
                _INT64,
                "Characters between the two names there, 0 when they touch or overlap; "
                "null like evidence_document.",
                is_nullable=True,
            ),
            Column(
                "evidence_text",
                _TEXT,
                "The passage with both names, from sentence to sentence where it is short enough; "
                "null like evidence_document.",
                is_nullable=True,
            ),
        ),
        partition_by=("corpus_id", "language_code"),
    ),
    LakeTable(
        "active_neurons",
        "One row per model, language, fact that is right there, method and rank: the neurons that "
        "stand out for the fact (docs/method.md#probeless).",
        ("model_id", "language_code", "fact_id", "method_code", "neuron_rank"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            _METHOD,
            Column(
                "neuron_rank",
                _INT32,
                "Place by score, from 1; equal scores by layer, then unit.",
            ),
            _LAYER,
            _UNIT,
            Column(
                "neuron_score",
                _FLOAT,
                "Mean absolute difference of the neuron's activation to the other facts of the "
                "relation that are right in this language, in the unit of activations "
                "(in standard deviations where the method is normalised).",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "neuron_profiles",
        "One row per model, language, fact that is right there, method, layer and bin of "
        "neurons: how far the bin's neurons stand out for the fact (docs/method.md#probeless).",
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
                "Mean neuron score of the bin when neighbouring neurons share a bin.",
            ),
            Column(
                "strided_score",
                _FLOAT,
                "Mean neuron score of the bin when neurons are dealt out to the bins in turn, as "
                "in the published heat maps.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "unscored_facts",
        "One row per model, language, fact right there and method that gives it no neurons.",
        ("model_id", "language_code", "fact_id", "method_code"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            _METHOD,
            Column(
                "reason_code",
                _TEXT,
                "Why: 'only_fact', no other fact of its relation is right there; 'no_contrast', "
                "the relation's facts that are right there ask too few different queries to tell "
                "neurons apart (one; two where the method is normalised).",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "knowledge_neurons",
        "One row per model, language, fact that was attributed there, mode and rank: the neurons "
        "with the largest attributions by integrated gradients, which drive the prediction of the "
        "fact (docs/method.md#integrated-gradients). Raw scores: the threshold is left to SQL.",
        ("model_id", "language_code", "fact_id", "mode_code", "neuron_rank"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            _MODE,
            Column(
                "neuron_rank",
                _INT32,
                "Place by attribution, from 1; equal ones by layer, then unit.",
            ),
            _LAYER,
            _UNIT,
            Column(
                "attribution_score",
                _FLOAT,
                "What the neuron contributes to the probability of the object's tokens, summed "
                "over these: positive where it raises it.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "attribution_quality",
        "One row per model, language, fact that was attributed there, mode and layer: how nearly "
        "the attributions of the layer's neurons add up to what these change (docs/method.md#integrated-gradients).",
        ("model_id", "language_code", "fact_id", "mode_code", "layer_index"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            _MODE,
            _LAYER,
            Column("object_token_count", _INT32, "Tokens of the object, all summed over here."),
            Column(
                "baseline_count",
                _INT32,
                "Paths per token: 1, or in mode 'amig' the replaced tokens of the query.",
            ),
            Column(
                "clean_probability",
                _DOUBLE,
                "Probability of the object's tokens by the model as it is, summed over tokens.",
            ),
            Column(
                "baseline_probability",
                _DOUBLE,
                "The same with the layer's neurons at the baseline; mean over the paths.",
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
                "(clean_probability − baseline_probability), to which an exact integral adds up.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "interventions",
        "One row per model, language asked in, fact, set of edited neurons, factor, and question: "
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
                "Neurons of the fact that are edited: 'likn', knowledge neurons that all languages "
                "of the edits share; 'own', those of the language asked in; 'own_subset', as many "
                "of these as the fact has LIKN, drawn at random; 'other', those of another "
                "language; 'union', those of all languages; 'sequence', those of all languages one "
                "after the other, so that a neuron of n languages is multiplied n times; "
                "'probeless', the active neurons of the language asked in or of the base language.",
            ),
            Column(
                "neuron_language_code",
                _TEXT,
                "Language whose neurons are edited; 'all' for likn, union and sequence.",
            ),
            Column(
                "edit_factor",
                _DOUBLE,
                "What the activations are multiplied by where the object's tokens are predicted: 0 "
                "suppresses, 2 doubles.",
            ),
            Column(
                "is_random",
                _BOOL,
                "Whether as many random neurons of the same layers are edited in their place.",
            ),
            Column(
                "query_code",
                _TEXT,
                "What is asked: 'related', the fact itself; 'unrelated', a fact of another "
                "relation with another object, right in all languages of the edits.",
            ),
            Column("queried_fact_id", _TEXT, "The fact that is asked."),
            Column("neuron_count", _INT32, "Edited neurons."),
            Column(
                "log_prob_before",
                _DOUBLE,
                "Natural log-probability of the asked fact's object, summed over its tokens, in "
                "the plain model.",
            ),
            Column("log_prob_after", _DOUBLE, "The same in the edited model."),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "degenerate_pairs",
        "One row per model, language, fact and pair of neurons: log-probability of the right "
        "answer without either neuron and without both (docs/method.md#degenerate-neurons). Pairs of the fact's best "
        "knowledge neurons, and as a null pairs of random neurons of the same layers.",
        ("model_id", "language_code", "fact_id", "is_random", "neuron_rank_a", "neuron_rank_b"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            Column(
                "is_random",
                _BOOL,
                "Whether random neurons of the same layers stand in the pair's place.",
            ),
            Column(
                "neuron_rank_a",
                _INT32,
                "Place by attribution of the pair's better knowledge neuron, from 1; of a random "
                "pair, of the neuron in whose place its first one stands.",
            ),
            Column("neuron_rank_b", _INT32, "The same for the other neuron; the larger number."),
            Column("layer_index_a", _INT32, "Transformer layer of the first neuron, from 0."),
            Column("neuron_index_a", _INT32, "First neuron within its layer, from 0."),
            Column("layer_index_b", _INT32, "Transformer layer of the second neuron, from 0."),
            Column("neuron_index_b", _INT32, "Second neuron within its layer, from 0."),
            Column(
                "log_prob",
                _DOUBLE,
                "Natural log-probability of the object, summed over its tokens, in the plain "
                "model.",
            ),
            Column("log_prob_without_a", _DOUBLE, "The same with the first neuron suppressed."),
            Column("log_prob_without_b", _DOUBLE, "The same with the second neuron suppressed."),
            Column("log_prob_without_both", _DOUBLE, "The same with both suppressed."),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "degenerate_sets",
        "One row per model, language, fact, neurons that were searched and size: the set of which "
        "the last neuron is worth most, found greedily from the best pair on (docs/method.md#degenerate-neurons, beyond "
        "pairs), and log-probabilities without it. Empty unless the study asks for sets of more "
        "than two neurons.",
        ("model_id", "language_code", "fact_id", "is_random", "set_size"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            Column(
                "is_random",
                _BOOL,
                "Whether as many random neurons of the same layers were searched in place of the "
                "fact's best knowledge neurons.",
            ),
            Column("set_size", _INT32, "Neurons of the set."),
            Column(
                "neuron_ranks",
                _TOKENS,
                "Places by attribution, from 1, of its neurons in the order in which they were put "
                "in; of random ones, of those in whose place they stand.",
            ),
            Column("layer_indexes", _TOKENS, "Their transformer layers, from 0, in that order."),
            Column("neuron_indexes", _TOKENS, "Their places within their layers, from 0."),
            Column(
                "log_prob",
                _DOUBLE,
                "Natural log-probability of the object, summed over its tokens, in the plain "
                "model.",
            ),
            Column(
                "one_left_log_prob",
                _DOUBLE,
                "The same with all but one of the set suppressed: the lowest, whichever is left.",
            ),
            Column("none_left_log_prob", _DOUBLE, "The same with all of the set suppressed."),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "fact_checks",
        "One row per model, language, checked fact, candidate for its object (its own or a wrong "
        "one) and set of the relation's neurons: what these contribute to the candidate, what they "
        "hold, and its probability (docs/method.md#fact-checks). Raw scores: the threshold is left to SQL.",
        ("model_id", "language_code", "fact_id", "is_true", "neuron_set_code", "is_random"),
        (
            _MODEL,
            _LANGUAGE,
            _FACT,
            Column(
                "is_true",
                _BOOL,
                "Whether the candidate is the fact's own object; otherwise it is another object of "
                "the relation, and no true one of the subject.",
            ),
            Column(
                "neuron_set_code",
                _TEXT,
                "Neurons of the relation, learnt from the facts of the training part: 'knowledge', "
                "their knowledge neurons; 'degenerate', the neurons of their degenerate pairs; of "
                "both those that most of these facts share.",
            ),
            Column(
                "is_random",
                _BOOL,
                "Whether as many random neurons of the same layers stand in their place.",
            ),
            Column(
                "split",
                _TEXT,
                "Part of its relation's split by subject: 'train', whose right objects the neurons "
                "are learnt from, all of them facts that the model gets right; 'validation', on "
                "which a threshold is chosen; 'test', on which it is judged.",
            ),
            Column("candidate_object_id", _TEXT, "Identifier of the candidate."),
            Column("candidate_label", _TEXT, "Name of the candidate in this language."),
            Column("candidate_token_count", _INT32, "Tokens of the candidate."),
            Column("neuron_count", _INT32, "Neurons of the set; 0 where no fact gave any."),
            Column(
                "attribution_score",
                _DOUBLE,
                "Mean over the neurons of their attribution to the candidate's tokens, divided by "
                "the number of tokens; null without neurons.",
                is_nullable=True,
            ),
            Column(
                "activation_score",
                _DOUBLE,
                "Mean over the neurons, and over the positions at which the candidate's tokens are "
                "predicted, of what they hold; null without neurons.",
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
                "Whether each of its tokens is the most probable one of the whole vocabulary.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "missing_models",
        "One row per model that the study names and the warehouse lacks, because it could not be "
        "computed whole; empty when all are there.",
        ("model_id",),
        (
            _MODEL,
            Column("source", _TEXT, "Hub name or folder of the model, as the study gives it."),
            Column(
                "missing_part_count",
                _INT64,
                "Parts of the model that are not computed; null where the model could not be "
                "identified, so that its parts are not known.",
                is_nullable=True,
            ),
            Column("reason", _TEXT, "Why, as the error said it, or that it was not tried yet."),
        ),
    ),
)

LAKE: dict[str, LakeTable] = {table.name: table for table in _TABLES}
"""All lake tables by name, in the order in which data flows."""
