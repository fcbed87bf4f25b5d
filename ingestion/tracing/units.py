"""Splits documents into text units: sentences, and chunks of whole sentences.

Sentences are found by Wikimedia's ``sentencex``, line by line. A chunk holds as many whole
sentences as fit into the token limit, like BERT's pre-training data. Only a sentence that is longer
than the limit is cut, between words if possible.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Literal, get_args

import sentencex
from tokenizers import Encoding, Tokenizer

from ingestion.errors import is_of_input
from ingestion.tracing.bert_pieces import bert_pieces

__all__ = ["UNIT_KINDS", "TokenCounter", "UnitKind", "chunk_starts", "sentence_starts"]

UnitKind = Literal["chunk", "sentence", "article"]
"""Kinds of text units, in the order of the tables."""

UNIT_KINDS: tuple[UnitKind, ...] = get_args(UnitKind)

_WORD = re.compile(r"\S+")
# sentencex reads a full stop before a digit as a decimal point; '。' never is one.
_MISSED_STOP = re.compile(r"[。！？｡](?=\d)")
# Words that show whether a blank belongs to the word after it.
_SAMPLES = ("the", "in", "42", "в", "の", ".")
_PIECE = 20_000
"""Characters whose sentences are looked for at once: in running text, ten times the longest."""
_CACHED_LENGTH = 40
_CACHED_WORDS = 1_000_000


def sentence_starts(text: str, language: str) -> list[int]:
    """Start of each sentence in characters, from 0; a sentence ends where the next one begins."""
    starts, position = [], 0
    for line in text.splitlines(keepends=True):
        has_missed = _MISSED_STOP.search(line)
        for sentence in _sentences(language, line):
            starts.append(position)
            if has_missed:
                starts.extend(position + stop.end() for stop in _MISSED_STOP.finditer(sentence))
            position += len(sentence)
    return starts or [0]


def _sentences(language: str, line: str) -> Iterator[str]:
    """Sentences of a line, each with the blanks after it.

    A long line is read in pieces, each from the last sentence of the one before: of many quotation
    marks, sentencex takes quadratic time.
    """
    position = 0
    while position < len(line):
        found: list[str] = list(sentencex.segment(language, line[position : position + _PIECE]))
        if position + _PIECE < len(line) and len(found) > 1:
            found.pop()
        yield from found
        position += sum(map(len, found))


class _Known(dict[str, int]):
    """Numbers of tokens that are known; others are counted when they are asked for."""

    def __init__(self, count: Callable[[str], int]) -> None:
        self._count = count

    def __missing__(self, word: str) -> int:
        count = self._count(word)
        if len(word) <= _CACHED_LENGTH:
            self[word] = count
        return count


class TokenCounter:
    """Counts tokens word by word with a cache, because most words of a text were seen before.

    The counts are exact: WordPiece, SentencePiece and byte-level tokenizers never join two words
    into one token. Special tokens and line breaks are not counted. A tokenizer in which a blank
    belongs to the word after it counts one blank before each word.

    Args:
        tokenizer_json: the tokenizer's serialised state (``tokenizer.json``).
    """

    def __init__(self, tokenizer_json: str) -> None:
        self._tokenizer = Tokenizer.from_str(tokenizer_json)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._blank = _blank_of_words(self._tokenizer)
        self._pieces = bert_pieces(self._tokenizer, json.loads(tokenizer_json))
        self._model = self._tokenizer.model
        self._known = _Known(self._count)
        self.failure_count = 0
        """Words on which the tokenizer failed so far; each counts as one token."""

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text."""
        groups = [text.split() for text in texts]
        known = self._known
        if len(known) > _CACHED_WORDS:
            known.clear()
        long: list[str] = []
        if self._pieces is None:
            # Only a BERT's model counts words as fast one by one as together.
            new = [word for word in dict.fromkeys(chain.from_iterable(groups)) if word not in known]
            known.update(zip(new, self._token_counts(new), strict=True))
            long = [word for word in new if len(word) > _CACHED_LENGTH]
        counts = [sum(map(known.__getitem__, group)) for group in groups]
        for word in long:
            del known[word]
        return counts

    def borders(self, text: str, limit: int) -> list[int]:
        """Cut a text into parts of at most ``limit`` tokens.

        Returns:
            Start of each part except the first, in characters. A part begins at a word; inside a
            word that is longer than the limit, at a token.
        """
        borders: list[int] = []
        filled = 0
        words = list(_WORD.finditer(text))
        for word, count in zip(words, self.counts([w.group() for w in words]), strict=True):
            if filled and filled + count > limit:
                borders.append(word.start())
                filled = 0
            if count > limit:
                starts = self._token_starts(word.group())
                cuts = starts[limit::limit]
                borders.extend(word.start() + cut for cut in cuts)
                count -= limit * len(cuts)
            filled += count
        return borders

    def _count(self, word: str) -> int:
        """Tokens of a word: by the model of a BERT alone, from those of its pieces, if possible."""
        split = None if self._pieces is None else self._pieces.split(word)
        if split is not None:
            one_count, parts = split
            try:
                if parts == [word]:
                    return len(self._model.tokenize(word))
                return one_count + sum(map(self._known.__getitem__, parts))
            except BaseException as error:
                if not is_of_input(error):
                    raise
        return self._token_counts([word])[0]

    def _token_counts(self, words: Sequence[str]) -> list[int]:
        texts = [self._blank + word for word in words]
        try:
            found: list[Encoding] = self._tokenizer.encode_batch_fast(
                texts, add_special_tokens=False
            )
        except BaseException as error:
            if not is_of_input(error):
                raise
            if len(words) > 1:
                return [count for word in words for count in self._token_counts([word])]
            self.failure_count += 1
            return [1]
        return list(map(len, found))

    def _token_starts(self, word: str) -> list[int]:
        encoding = self._tokenizer.encode(self._blank + word, add_special_tokens=False)
        return [max(0, start - len(self._blank)) for start, _ in encoding.offsets]


def chunk_starts(
    text: str,
    sentences: Sequence[int],
    token_counts: Sequence[int],
    counter: TokenCounter,
    limit: int,
) -> list[int]:
    """Start of each chunk of at most ``limit`` tokens, in characters.

    Args:
        text: the document.
        sentences: starts of the sentences, from ``sentence_starts``.
        token_counts: tokens of each sentence.
        counter: cuts sentences that are longer than the limit.
        limit: largest number of tokens in a chunk, without special tokens.
    """
    starts = [0]
    filled = 0
    for index, (start, count) in enumerate(zip(sentences, token_counts, strict=True)):
        if filled and filled + count > limit:
            starts.append(start)
            filled = 0
        if count > limit:
            end = sentences[index + 1] if index + 1 < len(sentences) else len(text)
            sentence = text[start:end]
            borders = counter.borders(sentence, limit)
            starts.extend(start + border for border in borders)
            count = counter.counts([sentence[borders[-1] :]])[0] if borders else count
        filled += count
    return starts


def _blank_of_words(tokenizer: Tokenizer) -> str:
    """What stands before a word so that it alone has the tokens that it has within a text.

    A blank for byte-level tokenizers and for Gemma's, which put nothing in front of a text; nothing
    for those that drop blanks or put one in front themselves.
    """

    def ids(text: str) -> list[int]:
        found: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return found

    for word in _SAMPLES:
        try:
            alone, pair, with_blank = ids(word), ids(f"{word} {word}"), ids(f" {word}")
        except BaseException as error:
            if is_of_input(error):
                continue
            raise
        if pair == alone + alone:
            return ""
        if pair == alone + with_blank:
            return " "
    return ""
