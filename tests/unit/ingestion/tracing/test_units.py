"""Sentences and chunks: whole, in order, within the limit; tokens counted exactly."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer

from ingestion.tracing.units import TokenCounter, chunk_starts, sentence_starts

WORDS = ["one", "two", "three", "fourteen", "Ünïcödé", "東京都", "a-b", "x.", "don't", "42"]


def trained(kind: str) -> Tokenizer:
    texts = [" ".join(random.Random(i).choices(WORDS, k=20)) for i in range(50)]
    if kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=80, special_tokens=["[UNK]"])
    elif kind in ("unigram", "llama"):
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=60, special_tokens=["<unk>"], unk_token="<unk>"
        )
    elif kind == "gemma":
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
        bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
        trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<unk>", *bytes_])
    else:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(texts, trainer)
    if kind == "gemma":
        # As in its tokenizer.json: blanks are replaced first, so that nothing is left to split.
        tokenizer.normalizer = normalizers.Replace(" ", "▁")
        tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    elif kind == "llama":
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([])
    return tokenizer


@pytest.mark.parametrize("kind", ["wordpiece", "unigram", "bytelevel", "gemma", "llama"])
def test_counting_by_words_is_the_tokenizers_own_count(kind: str) -> None:
    tokenizer = trained(kind)
    counter = TokenCounter(tokenizer.to_str())
    rng = random.Random(1)
    texts = [" ".join(rng.choices([*WORDS, "neverseen"], k=n)) for n in range(1, 30)]
    # These tokenizers see the blank before a word as part of it.
    given = [" " + text if kind in ("bytelevel", "gemma") else text for text in texts]
    expected = [len(tokenizer.encode(text, add_special_tokens=False).ids) for text in given]
    assert counter.counts(texts) == expected
    assert counter.counts(texts) == expected


def test_a_bert_counts_words_of_any_characters_as_the_whole_tokenizer_does() -> None:
    tokenizer = trained("wordpiece")
    rng = random.Random(3)
    characters = [
        *"onetwxfrh42-'.,$[]",
        *"–„ü東ж٣½ªㄱ",
        "\u0301",
        "\u200d",
        "\xad",
        "[UNK]",
        "\ufffd",
    ]
    words = ["".join(rng.choices(characters, k=rng.randint(1, 9))) for _ in range(3_000)]
    words += ["o" * 99, "o" * 100, "o" * 101, "o" * 101 + ".", "--", "…"]
    expected = [len(tokenizer.encode(word, add_special_tokens=False).ids) for word in words]
    assert TokenCounter(tokenizer.to_str()).counts(words) == expected
    # Text without blanks: kana, ideographs and signs in a row; only their pieces are cached.
    texts = [
        "".join(rng.choices("東京都のてをカン、。（）「」ー한국กรุงx42", k=rng.randint(20, 90)))
        for _ in range(50)
    ]
    expected = [len(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts]
    assert TokenCounter(tokenizer.to_str()).counts(texts) == expected
    # Another normal form of letters: nothing may be counted without it.
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    expected = [len(tokenizer.encode(word.upper(), add_special_tokens=False).ids) for word in WORDS]
    assert TokenCounter(tokenizer.to_str()).counts([word.upper() for word in WORDS]) == expected


def test_truncation_and_padding_of_a_tokenizer_are_switched_off() -> None:
    tokenizer = trained("wordpiece")
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=9)
    expected = TokenCounter(trained("wordpiece").to_str()).counts(["one two three fourteen x."])
    assert TokenCounter(tokenizer.to_str()).counts(["one two three fourteen x."]) == expected


@pytest.mark.parametrize("step", [101, pytest.param(1, marks=pytest.mark.nightly)])
def test_a_bert_counts_every_character_as_the_whole_tokenizer_does(step: int) -> None:
    """Each alone, between letters, and between letters and an ideograph."""
    tokenizer = trained("wordpiece")
    characters = [chr(code) for code in range(0, 0x110000, step) if not 0xD800 <= code < 0xE000]
    # What Python takes for a blank ends a word, also where the tokenizer drops it.
    characters = [character for character in characters if not character.isspace()]
    texts = [text for c in characters for text in (c, f"o{c}n", f"東{c}{c}e")]
    encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    assert TokenCounter(tokenizer.to_str()).counts(texts) == list(map(len, encodings))


def test_sentences_cover_the_text_and_end_with_the_line() -> None:
    text = "Mr. Smith came. He left.\nA title\nDr. No: 3.5 km. 東京は首都です。大きい。"
    starts = sentence_starts(text, "en")
    parts = [text[s:e] for s, e in zip(starts, [*starts[1:], len(text)], strict=True)]
    assert "".join(parts) == text
    assert [part.strip() for part in parts] == [
        "Mr. Smith came.",
        "He left.",
        "A title",
        "Dr. No: 3.5 km.",
        "東京は首都です。",
        "大きい。",
    ]
    assert sentence_starts("", "en") == [0]
    assert sentence_starts("崩壊した。6月。", "ja") == [0, 5]


@pytest.mark.parametrize("limit", [1, 2, 5, 17, 1_000])
def test_chunks_hold_whole_sentences_within_the_limit(limit: int) -> None:
    counter = TokenCounter(trained("wordpiece").to_str())
    rng = random.Random(limit)
    text = " ".join(
        " ".join(rng.choices([*WORDS, "longword" * 5], k=rng.randint(1, 12))).capitalize() + "."
        for _ in range(40)
    )
    sentences = sentence_starts(text, "en")
    spans = list(zip(sentences, [*sentences[1:], len(text)], strict=True))
    counts = counter.counts([text[s:e] for s, e in spans])
    starts = chunk_starts(text, sentences, counts, counter, limit)
    assert starts == sorted(set(starts))
    assert starts[0] == 0
    chunks = list(zip(starts, [*starts[1:], len(text)], strict=True))
    sizes = counter.counts([text[s:e] for s, e in chunks])
    # A word that is cut in two may cost one token more than it did whole.
    assert max(sizes) <= limit + 1
    long = [n for n, count in enumerate(counts) if count > limit]
    for index, (start, end) in enumerate(spans):
        if index not in long:
            assert any(s <= start and end <= e for s, e in chunks), "a short sentence was cut"
    for (start, end), size in zip(chunks[:-1], sizes, strict=False):
        following = next((n for n, (s, _) in enumerate(spans) if s == end), None)
        if following is not None and counts[following] <= limit:
            assert size + counts[following] > limit, "the next sentence would have fitted"
        assert start < end


def test_a_chunk_of_whole_sentences_is_never_longer_than_the_limit() -> None:
    counter = TokenCounter(trained("wordpiece").to_str())
    sentences = ["One two three.", "Two.", "One two.", "Three two one two."] * 6
    starts = [0]
    for sentence in sentences[:-1]:
        starts.append(starts[-1] + len(sentence) + 1)
    counts = counter.counts(sentences)
    text = " ".join(sentences)
    for limit in range(max(counts), sum(counts) + 2):
        chunks = chunk_starts(text, starts, counts, counter, limit)
        sizes = [0] * len(chunks)
        for start, count in zip(starts, counts, strict=True):
            sizes[sum(begin <= start for begin in chunks) - 1] += count
        assert max(sizes) <= limit
        assert sum(sizes) == sum(counts)


def test_a_text_without_any_blank_is_cut_between_tokens() -> None:
    tokenizer = trained("wordpiece")
    counter = TokenCounter(tokenizer.to_str())
    text = "東京都" * 50
    count = counter.counts([text])[0]
    borders = counter.borders(text, 10)
    assert len(borders) == (count - 1) // 10
    assert counter.counts([text[: borders[0]]]) == [10]


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["bert-base-multilingual-cased", "xlm-roberta"])
def test_real_tokenizers_agree_on_real_names(real_data: Path, name: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(real_data / "tokenizers" / name).backend_tokenizer
    texts = [
        "Arthur Schopenhauer (* 22. Februar 1788 in Danzig; † 21.\u00a0September 1860)",
        "他在东京工作。ベルリンは、ドイツの首都。",
        "กรุงเทพมหานครเป็นเมืองหลวง และนครที่มีประชากรมากที่สุด",
        "مُحَمَّد قال\u200cها\tالسلام  عليكم",
        "서울은 대한민국의 수도이다. ½ ﬁn ﷺ e\u0301\u200b!",
    ]
    # Letters and signs of the scripts that a BERT does not split.
    texts += [f"a{chr(code)}b" for code in range(0x21, 0x3400, 7) if not chr(code).isspace()]
    counter = TokenCounter(tokenizer.to_str())
    expected = [len(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts]
    assert counter.counts(texts) == expected


def test_a_word_on_which_the_tokenizer_fails_is_one_token_and_is_counted() -> None:
    tokenizer = trained("wordpiece")
    expected = TokenCounter(tokenizer.to_str()).counts(["one two", "fourteen"])
    # A pattern that takes too many steps on a long row of the same letter: Rust code panics.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex("(a+)+$"), "isolated"), tokenizer.pre_tokenizer]
    )
    counter = TokenCounter(tokenizer.to_str())
    harmful = "a" * 40 + "b"
    assert counter.counts(["one two", f"fourteen {harmful}"]) == [expected[0], expected[1] + 1]
    assert counter.failure_count == 1


def test_a_long_line_has_the_sentences_of_its_pieces_in_linear_time() -> None:
    sentence = "Paris is the capital of France, e.g. of Mr. Smith. "
    line = sentence * 2_000
    assert sentence_starts(line, "en") == list(range(0, len(line), len(sentence)))
    started = time.process_time()
    assert sentence_starts("“" * 100_000, "en")[0] == 0
    # The splitter alone takes more than a minute.
    assert time.process_time() - started < 20
