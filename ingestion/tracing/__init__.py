"""Looks facts up in training text (docs/method.md#tracing), and compares their names.

What does not belong here: reading text (``ingestion.corpora``); rates, fact types
(docs/method.md#fact-types) and comparisons, which are SQL.
"""

from ingestion.tracing.corpus import (
    TRACING_VERSION,
    corpus_shards,
    read_counts,
    resume_counts,
    trace_corpus,
    write_counts,
)
from ingestion.tracing.counting import (
    TracingArguments,
    TracingSettings,
    count_documents,
    trace_shard,
)
from ingestion.tracing.label_tokens import ChineseConverter, fold_name, label_tokens
from ingestion.tracing.matching import Engine, Matcher, Matches, Matching
from ingestion.tracing.name_cues import common_letters, name_cues, transliterate
from ingestion.tracing.names import (
    ALIAS_COLUMNS,
    FactNames,
    NamesError,
    collect_names,
    read_aliases,
)
from ingestion.tracing.partial_counts import Evidence, PartialCounts, TracingError, finish, merge
from ingestion.tracing.units import UNIT_KINDS, TokenCounter, UnitKind

__all__ = [
    "ALIAS_COLUMNS",
    "TRACING_VERSION",
    "UNIT_KINDS",
    "ChineseConverter",
    "Engine",
    "Evidence",
    "FactNames",
    "Matcher",
    "Matches",
    "Matching",
    "NamesError",
    "PartialCounts",
    "TokenCounter",
    "TracingArguments",
    "TracingError",
    "TracingSettings",
    "UnitKind",
    "collect_names",
    "common_letters",
    "corpus_shards",
    "count_documents",
    "finish",
    "fold_name",
    "label_tokens",
    "merge",
    "name_cues",
    "read_aliases",
    "read_counts",
    "resume_counts",
    "trace_corpus",
    "trace_shard",
    "transliterate",
    "write_counts",
]
