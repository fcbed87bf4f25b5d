"""Training text: where it lies, in which layout, and how it is read as a stream of documents.

What is looked for in the text belongs to ``ingestion.tracing``.
"""

from ingestion.corpora.reading import (
    SHARD_BYTES,
    Document,
    Shard,
    Tally,
    file_shards,
    read_documents,
)
from ingestion.corpora.settings import (
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
    "corpus_digest",
    "file_shards",
    "list_files",
    "read_documents",
]
