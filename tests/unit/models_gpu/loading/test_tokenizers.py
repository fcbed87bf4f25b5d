"""The tokenizer in use is the one in the folder, letter for letter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from models_gpu.errors import ModelError
from models_gpu.loading.spec import ModelSpec
from models_gpu.loading.tokenizers import load_tokenizer
from tests.helpers.tiny_models import FAMILIES, config_of, tokenizer_of

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CASED = [*SPECIAL, "Zürich", "liegt", "in", "der", "Schweiz", "z", "##u", "##rich", "schweiz", "."]
LOWER = [*SPECIAL, "zürich", "liegt", "in", "der", "schweiz", "z", "##u", "##rich", "."]
TEXT = "Zürich liegt in der Schweiz."


def folder_of(folder: Path, vocabulary: list[str], **settings: object) -> Path:
    """A BERT as its authors publish it: a configuration and vocab.txt."""
    config_of("bert", len(vocabulary)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    if settings:
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def with_file(folder: Path, vocabulary: list[str], **rules: Any) -> Path:
    """The same with the tokenizer.json that the library ``tokenizers`` writes."""
    numbers = {word: number for number, word in enumerate(vocabulary)}
    core = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    core.normalizer = normalizers.BertNormalizer(**rules)
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.decoder = decoders.WordPiece()
    core.add_special_tokens(SPECIAL)
    core.save(str(folder / "tokenizer.json"))
    (folder / "vocab.txt").unlink()
    return folder


def load(folder: Path) -> Any:
    return load_tokenizer(ModelSpec("m", str(folder)), folder)


@pytest.mark.parametrize("settings", [{}, {"tokenizer_class": "BertTokenizer"}])
def test_a_cased_bert_is_asked_with_its_capitals(
    tmp_path: Path, settings: dict[str, object]
) -> None:
    folder = with_file(folder_of(tmp_path, CASED, **settings), CASED, lowercase=False)
    tokenizer = load(folder)
    assert tokenizer.tokenize(TEXT) == ["Zürich", "liegt", "in", "der", "Schweiz", "."]
    assert tokenizer.mask_token_id == CASED.index("[MASK]")


def test_accents_stay_where_the_file_keeps_them(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, LOWER, do_lower_case=True, tokenizer_class="BertTokenizer")
    tokenizer = load(with_file(folder, LOWER, lowercase=True, strip_accents=False))
    assert tokenizer.tokenize(TEXT) == ["zürich", "liegt", "in", "der", "schweiz", "."]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("has_settings", [True, False])
def test_no_class_replaces_the_rules_of_the_file(
    tmp_path: Path, family: str, has_settings: bool
) -> None:
    original = tokenizer_of(family)
    config_of(family, len(original)).save_pretrained(tmp_path)
    original.save_pretrained(tmp_path)
    core = original.backend_tokenizer
    core.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace("x", "y")])
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.decoder = decoders.Fuse()
    core.save(str(tmp_path / "tokenizer.json"))
    if not has_settings:
        (tmp_path / "tokenizer_config.json").unlink()
    tokenizer = load(tmp_path)
    used = tokenizer.backend_tokenizer
    assert json.loads(used.to_str())["model"] == json.loads(core.to_str())["model"]
    assert repr(used.normalizer) == repr(core.normalizer)
    assert repr(used.pre_tokenizer) == repr(core.pre_tokenizer)
    assert repr(used.decoder) == repr(core.decoder)
    # Gemma's class would add a mask, Qwen's an end of text.
    assert tokenizer.get_vocab() == original.get_vocab()


@pytest.mark.parametrize("vocabulary", [CASED, LOWER])
def test_words_that_no_text_can_reach_are_refused(tmp_path: Path, vocabulary: list[str]) -> None:
    with pytest.raises(ModelError, match=r"such as .*rich.*do_lower_case"):
        load(folder_of(tmp_path, vocabulary))


def test_the_remedy_for_a_plain_vocabulary_works(tmp_path: Path) -> None:
    tokenizer = load(folder_of(tmp_path, CASED, do_lower_case=False))
    assert tokenizer.tokenize(TEXT) == ["Zürich", "liegt", "in", "der", "Schweiz", "."]


def test_a_plain_vocabulary_without_capitals_is_lower_cased(tmp_path: Path) -> None:
    words = [*SPECIAL, "zurich", "한", "中", "."]
    assert load(folder_of(tmp_path, words)).tokenize("Zürich.") == ["zurich", "."]
