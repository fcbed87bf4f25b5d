"""The tokenizer that all Atlas models share: WordPiece, trained on the corpus, deterministic.

What belongs here: training it. Text is split at spaces and punctuation only, also in Chinese,
Japanese and Thai. The corpus puts quotation marks or spaces around names in these languages. So a
name has a few pieces instead of one per character, and the same pieces in a sentence as alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

__all__ = ["train_tokenizer"]

_PAD, _UNK, _CLS, _SEP, _MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
_SPECIAL = (_PAD, _UNK, _CLS, _SEP, _MASK)
_LONGEST_TEXT = 512


def train_tokenizer(
    texts: Sequence[str], answers: Sequence[str], vocabulary_size: int
) -> PreTrainedTokenizerFast:
    """Train a WordPiece tokenizer on the texts, in which answers have few pieces.

    Args:
        texts: sentences of the corpus.
        answers: names that can be an object. Each of their words is one piece, because a name of
            many pieces is hard for a model that fills every mask independently
            (docs/method.md#probing).
        vocabulary_size: number of pieces, special tokens included.
    """
    scratch = _untrained(models.WordPiece(unk_token=_UNK))
    words = [_words(scratch, text) for text in texts]
    answer_words = {word for answer in answers for word in _words(scratch, answer)}
    seen = answer_words.union(*words)
    # Listing the alphabet first fixes all ids: the trainer would number it in hash order.
    alphabet = sorted({word[0] for word in seen} | {f"##{c}" for word in seen for c in word[1:]})
    known = [*_SPECIAL, *alphabet, *sorted(answer_words - set(alphabet))]
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary_size,
        min_frequency=2,
        special_tokens=known,
        show_progress=False,
    )
    scratch.train_from_iterator(
        [" ".join(w for w in line if w not in answer_words) for line in words], trainer
    )
    vocabulary = scratch.get_vocab()
    tokenizer = _untrained(models.WordPiece(vocabulary, unk_token=_UNK))
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(list(_SPECIAL))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{_CLS} $A {_SEP}",
        pair=f"{_CLS} $A {_SEP} $B:1 {_SEP}:1",
        special_tokens=[(token, vocabulary[token]) for token in (_CLS, _SEP)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=_LONGEST_TEXT,
        pad_token=_PAD,
        unk_token=_UNK,
        cls_token=_CLS,
        sep_token=_SEP,
        mask_token=_MASK,
    )


def _words(tokenizer: Tokenizer, text: str) -> list[str]:
    normal = tokenizer.normalizer.normalize_str(text)
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal)]


def _untrained(model: models.Model) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer
