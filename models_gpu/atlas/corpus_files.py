"""Corpus files: reading sentences, possible answers and probes from a corpus folder.

What belongs here: the layout of the files, and tokenised tensors. ``ingestion.atlas.corpus`` writes
the folder; its layout is the whole interface between the two.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

__all__ = [
    "Probe",
    "Statement",
    "read_answers",
    "read_probes",
    "read_statements",
    "tokenise",
]  # fmt: skip

Span = tuple[int, int]


@dataclass(frozen=True)
class Statement:
    """One sentence of the corpus."""

    text: str
    """The sentence."""
    object_span: Span | None
    """Characters of the object's name; None if the sentence states no fact."""
    subject_span: Span | None
    """Characters of the subject's first name; None if no name in another language follows."""


@dataclass(frozen=True)
class Probe:
    """One cloze question with its answer, and whether the corpus states it."""

    language_code: str
    """Language of the question."""
    relation_id: str
    """Relation of the fact."""
    fact_id: str
    """Fact whose object is the answer."""
    query: str
    """Template with the subject filled in, and the slot [Y]."""
    answer: str
    """Name of the object."""
    presence: str
    """'planted', 'elsewhere' (absent here, planted in another language) or 'nowhere'."""


@dataclass(frozen=True)
class TokenisedText:
    """All sentences of a corpus in one tensor; tensors are ``[tokens]``."""

    token_ids: Tensor
    """Token ids, int64; each sentence has its [CLS] and [SEP]."""
    is_object: Tensor
    """Whether a token belongs to the object of the sentence's fact."""
    is_subject: Tensor
    """Whether a token belongs to a subject's name that is followed by another name."""
    lengths: Tensor
    """``[sentences]`` tokens per sentence."""


def _rows(folder: Path) -> Iterator[tuple[str, dict[str, object]]]:
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise FileNotFoundError(
            f"no *.jsonl in {folder}; write the corpus first (ingestion.atlas.corpus.write_corpus)"
        )
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            yield file.stem, json.loads(line)


def read_statements(corpus: Path) -> list[Statement]:
    """Read all sentences of a corpus folder, by language, in the order of its files.

    Raises:
        FileNotFoundError: the folder holds no sentences.
    """
    return [
        Statement(str(row["text"]), _span(row["object"]), _span(row["subject"]))
        for _, row in _rows(corpus / "sentences")
    ]


def _span(value: object) -> Span | None:
    return (int(value[0]), int(value[1])) if isinstance(value, list) else None


def read_answers(corpus: Path) -> list[str]:
    """Read the names of all objects in all languages, sorted within a language, planted or not."""
    return [str(row["name"]) for _, row in _rows(corpus / "answers")]


def read_probes(corpus: Path) -> list[Probe]:
    """Read all probing questions of a corpus folder."""
    return [
        Probe(
            language_code=language,
            relation_id=str(row["relation"]),
            fact_id=str(row["fact_id"]),
            query=str(row["query"]),
            answer=str(row["answer"]),
            presence=str(row["presence"]),
        )
        for language, row in _rows(corpus / "probes")
    ]


def tokenise(statements: list[Statement], tokenizer: PreTrainedTokenizerFast) -> TokenisedText:
    """Tokenise the sentences, and mark the tokens of names."""
    encodings = tokenizer.backend_tokenizer.encode_batch([s.text for s in statements])
    pairs = list(zip(statements, encodings, strict=True))
    return TokenisedText(
        torch.tensor([token for _, e in pairs for token in e.ids]),
        torch.tensor([_lies_in(o, s.object_span) for s, e in pairs for o in e.offsets]),
        torch.tensor([_lies_in(o, s.subject_span) for s, e in pairs for o in e.offsets]),
        torch.tensor([len(e.ids) for _, e in pairs]),
    )


def _lies_in(offsets: Span, span: Span | None) -> bool:
    # Special tokens have empty offsets and belong to no name.
    return (
        span is not None
        and offsets[0] < offsets[1]
        and (span[0] <= offsets[0] and offsets[1] <= span[1])
    )
