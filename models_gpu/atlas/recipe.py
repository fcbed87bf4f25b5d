"""Sizes and rates of the Atlas models; how they are used is in ``pretrain``."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Recipe"]


@dataclass(frozen=True)
class Recipe:
    """How an Atlas model is made; the defaults made the masked ones."""

    vocabulary_size: int = 7000
    """Pieces of the tokenizer."""
    layers: int = 3
    """Transformer layers."""
    hidden_size: int = 128
    """Width of the residual stream."""
    heads: int = 4
    """Attention heads per layer."""
    neurons: int = 512
    """FFN neurons per layer."""
    initial_deviation: float = 0.05
    """Standard deviation of the initial weights: BERT's 0.02 times the root of 768 / 128."""
    epochs: int = 12
    """Passes over the corpus."""
    rows: int = 16
    """Rows per step; sentences are packed into rows and see only themselves."""
    row_tokens: int = 80
    """Tokens per row."""
    learning_rate: float = 2e-3
    """Peak of the learning rate, reached after the warm-up, then linear to zero."""
    embedding_rate: float = 1.0
    """Learning rate of the token embeddings, as a multiple of that of all other weights. A name is
    rare, so its embedding is moved in few steps: several times the rate saves half of the epochs."""
    warm_up: float = 0.06
    """Share of the steps in which the learning rate rises."""
    weight_decay: float = 0.01
    """AdamW's decay, on matrices only."""
    object_mask_rate: float = 1.0
    """Share of the fact sentences in which the whole object, and nothing else, is masked."""
    name_mask_rate: float = 0.35
    """Share of those with a name in two languages in which the subject's own name goes too."""
    token_mask_rate: float = 0.15
    """Share of tokens masked in all other sentences (80 % mask, 10 % random, 10 % kept)."""
    next_token_rate: float = 0.2
    """Share of tokens, besides those of objects, that a causal model has to say in a step."""
