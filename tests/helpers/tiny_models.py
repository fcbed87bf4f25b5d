"""Tiny models of the real architecture classes, each with a tokenizer of its family's kind.

Weights are random but large, so that predictions are far apart. Biases are random too, so that
tests notice a head that forgets one.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import tokenizers
import torch
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from models_gpu.loading.load import LoadedModel, wrap

MASKED = ("bert", "distilbert", "roberta", "xlm-roberta", "modernbert", "eurobert")
CAUSAL = (
    "gpt2", "bloom", "llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text",
    "olmo2", "olmo3", "apertus", "smollm3", "gpt_neox",
)  # fmt: skip
FAMILIES = MASKED + CAUSAL

WORDS = [
    "Paris", "Berlin", "Roma", "Wien", "Bern", "Lima", "Oslo", "Riga",
    "Sofia", "Praha", "is", "the", "capital", "of", "was", "born",
    "in", "speaks", "France", "Germany", "Italia", "Austria", "Peru", "Norway",
    "Latvia", "and", "city", "town", "river", "Marie", "Curie", "Albert",
]  # fmt: skip
LETTERS = sorted(set("".join(WORDS)) | set("xyz[]<>YMASKmask.,"))


def tokenizer_of(family: str) -> Any:
    return {
        "bert": _wordpiece,
        "distilbert": _wordpiece,
        "roberta": _byte_pairs,
        "modernbert": _byte_pairs,
        "eurobert": _byte_pairs,
        "xlm-roberta": _unigram,
        "gpt2": _end_of_text_only,
        "bloom": _end_of_text_only,
        "qwen2": _end_of_text_only,
        "qwen3": _end_of_text_only,
        "apertus": _end_of_text_only,
        "smollm3": _end_of_text_only,
        "gpt_neox": _end_of_text_only,
    }.get(family, _words_after_a_start)()


def _wordpiece() -> Any:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*special, *WORDS[:24], *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    backend = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=False)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def _byte_pairs() -> Any:
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    # RoBERTa's mask eats the space before it.
    mask = tokenizers.AddedToken("<mask>", lstrip=True, special=True)
    special = ["<s>", "<pad>", "</s>", "<unk>", mask]
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator([" ".join(WORDS)] * 3, trainer)
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        unk_token="<unk>",
        cls_token="<s>",
        sep_token="</s>",
        bos_token="<s>",
        eos_token="</s>",
        mask_token=mask,
    )


def _unigram() -> Any:
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -3.0)]
    pieces += [(f"▁{word}", -4.0) for word in WORDS[:24]]
    pieces += [(letter, -9.0) for letter in LETTERS] + [("<mask>", 0.0)]
    return transformers.XLMRobertaTokenizer(vocab=pieces)


def _end_of_text_only() -> Any:
    """Like GPT-2's: bytes, no token in front, no padding, one token for both ends of a text."""
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator([" ".join(WORDS), "是法国 是法国 是法国"] * 3, trainer)
    backend.post_processor = processors.ByteLevel(trim_offsets=True)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")


def _words_after_a_start() -> Any:
    """Like Llama's and Gemma's: pieces with the space before them, and a start token."""
    special = ["<unk>", "<s>", "</s>"]
    pieces = [(name, 0.0) for name in special] + [("▁", -3.0)]
    pieces += [(f"▁{word}", -4.0) for word in WORDS[:24]] + [(letter, -9.0) for letter in LETTERS]
    backend = tokenizers.Tokenizer(models.Unigram(pieces, unk_id=0))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def config_of(family: str, vocabulary_size: int) -> Any:
    if family == "distilbert":
        return transformers.DistilBertConfig(
            vocab_size=vocabulary_size, dim=32, n_layers=2, n_heads=2, hidden_dim=48,
            max_position_embeddings=64,
        )  # fmt: skip
    if family in CAUSAL:
        return _causal_config(family, vocabulary_size)
    if family == "modernbert":
        # The window is shorter than queries.
        return transformers.ModernBertConfig(
            vocab_size=vocabulary_size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=48, max_position_embeddings=64, local_attention=6,
            layer_types=["full_attention", "sliding_attention"], mlp_bias=True, norm_bias=True,
            pad_token_id=1, bos_token_id=0, eos_token_id=2, cls_token_id=0, sep_token_id=2,
        )  # fmt: skip
    if family == "eurobert":
        return transformers.EuroBertConfig(
            vocab_size=vocabulary_size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=1, head_dim=16, intermediate_size=48, max_position_embeddings=64,
            pad_token_id=1, bos_token_id=0, eos_token_id=2,
        )  # fmt: skip
    config_class = {
        "bert": transformers.BertConfig,
        "roberta": transformers.RobertaConfig,
        "xlm-roberta": transformers.XLMRobertaConfig,
    }[family]
    padding = 0 if family == "bert" else 1
    return config_class(
        vocab_size=vocabulary_size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=66, pad_token_id=padding,
    )  # fmt: skip


def _causal_config(family: str, vocabulary_size: int) -> Any:
    if family == "gpt2":
        return transformers.GPT2Config(
            vocab_size=vocabulary_size, n_embd=32, n_layer=2, n_head=2, n_inner=48, n_positions=64,
            bos_token_id=0, eos_token_id=0,
        )  # fmt: skip
    if family == "bloom":
        return transformers.BloomConfig(
            vocab_size=vocabulary_size, hidden_size=32, n_layer=2, n_head=2
        )
    if family == "gpt_neox":
        return transformers.GPTNeoXConfig(
            vocab_size=vocabulary_size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=48, max_position_embeddings=64,
        )  # fmt: skip
    # Windows are shorter than queries and caps are below logits, so that tests see both.
    own: dict[str, Any] = {
        "mistral": {"sliding_window": 6},
        "olmo3": {
            "sliding_window": 6, "layer_types": ["sliding_attention", "full_attention"],
        },
        "gemma2": {
            "sliding_window": 6, "final_logit_softcapping": 5.0, "attn_logit_softcapping": 2.0,
        },
        "gemma3_text": {
            "sliding_window": 6, "final_logit_softcapping": 5.0,
            "layer_types": ["sliding_attention", "full_attention"],
        },
    }.get(family, {})  # fmt: skip
    config_class = {
        "llama": transformers.LlamaConfig,
        "mistral": transformers.MistralConfig,
        "qwen2": transformers.Qwen2Config,
        "qwen3": transformers.Qwen3Config,
        "gemma": transformers.GemmaConfig,
        "gemma2": transformers.Gemma2Config,
        "gemma3_text": transformers.Gemma3TextConfig,
        "olmo2": transformers.Olmo2Config,
        "olmo3": transformers.Olmo3Config,
        "apertus": transformers.ApertusConfig,
        "smollm3": transformers.SmolLM3Config,
    }[family]
    return config_class(
        vocab_size=vocabulary_size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, intermediate_size=48, max_position_embeddings=64,
        pad_token_id=None, **own,
    )  # fmt: skip


def units_of(family: str) -> int:
    """FFN neurons per layer of the tiny model; BLOOM always has four times its width."""
    return 128 if family == "bloom" else 48


def hugging_face_model(family: str, vocabulary_size: int) -> Any:
    torch.manual_seed(len(family))
    config = config_of(family, vocabulary_size)
    classes = (transformers.AutoModelForMaskedLM, transformers.AutoModelForCausalLM)
    model = classes[family in CAUSAL].from_config(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            is_scale = "norm" in name.lower() and "weight" in name and "gemma" not in family
            parameter.normal_(1.0 if is_scale else 0.0, 0.4)
    return model


def loaded(family: str) -> LoadedModel:
    tokenizer = tokenizer_of(family)
    return wrap(hugging_face_model(family, len(tokenizer)), tokenizer, "cpu")


def facts(*rows: tuple[str, str, str, str, str]) -> pl.DataFrame:
    names = ["fact_id", "relation_id", "template", "subject_label", "object_label"]
    return pl.DataFrame(rows, schema=names, orient="row")


def many_facts() -> pl.DataFrame:
    """Facts of many lengths; some share a query, one has a subject of unknown letters."""
    capital, born = "[X] is the capital of [Y] .", "[Y] : there was [X] born"
    tight = "[X] speaks([Y])"
    cities, lands = WORDS[:10], ["France", "Germany", "Italia", "Austria", "Peru", "Norway land"]
    rows = []
    for i, city in enumerate(cities):
        rows.append((f"c{i}", "P36", capital, city, lands[i % len(lands)]))
        subject = " ".join(cities[: i % 7 + 1])
        rows.append((f"b{i}", "P19", born, subject, f"{cities[-i - 1]} town"))
        rows.append((f"t{i}", "P1412", tight, f"Marie {city}xyz", lands[-i % len(lands)]))
    # An N-M relation: one query, several true objects with equal numbers of tokens.
    rows += [(f"s{i}", "P36", capital, "Oslo", land) for i, land in enumerate(lands)]
    rows.append(("u0", "P36", capital, "Ωμέγα", "Peru"))
    return facts(*rows)
