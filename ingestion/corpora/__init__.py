"""Training text: where it lies, in which layout, and how it is read as a stream of documents.

What is looked for in the text belongs to ``ingestion.tracing``.
"""

from ingestion.corpora.reading import (
    PIECE_BYTES,
    Document,
    Piece,
    Tally,
    cut_pieces,
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
    "PIECE_BYTES",
    "CorpusError",
    "CorpusSettings",
    "Document",
    "JsonLines",
    "ParquetText",
    "Piece",
    "PlainText",
    "SourceFile",
    "Tally",
    "WikipediaDump",
    "corpus_digest",
    "cut_pieces",
    "list_files",
    "read_documents",
]
