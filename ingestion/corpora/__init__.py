"""Reads training corpora in several layouts as streams of documents.

What does not belong here: looking for facts in the text (``ingestion.tracing``).
"""

from ingestion.corpora.documents import Document, Shard, Tally
from ingestion.corpora.reading import (
    SHARD_BYTES,
    check_layout,
    check_readable,
    file_shards,
    read_documents,
)
from ingestion.corpora.settings import (
    LARGEST_DOCUMENT,
    CorpusError,
    CorpusSettings,
    JsonLines,
    ParquetText,
    PlainText,
    SourceFile,
    WikipediaDump,
    corpus_digest,
    list_files,
)

__all__ = [
    "LARGEST_DOCUMENT",
    "SHARD_BYTES",
    "CorpusError",
    "CorpusSettings",
    "Document",
    "JsonLines",
    "ParquetText",
    "PlainText",
    "Shard",
    "SourceFile",
    "Tally",
    "WikipediaDump",
    "check_layout",
    "check_readable",
    "corpus_digest",
    "file_shards",
    "list_files",
    "read_documents",
]
