"""Sizes and rates of the Atlas models; ``pretrain`` uses them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Recipe"]


@dataclass(frozen=True)
class Recipe:
    """Settings of one Atlas model; the defaults are those of the masked models."""

    vocabulary_size: int = 7000
    """Number of token ids."""
    layers: int = 3
    """Transformer layers."""
    hidden_size: int = 128
    """Width of the residual stream."""
    heads: int = 4
    """Attention heads per layer."""
    neurons: int = 512
    """FFN neurons per layer."""
    initial_deviation: float = 0.05
    """Standard deviation of the initial weights: BERT's 0.02 · sqrt(768 / 128)."""
    epochs: int = 12
    """Passes over the corpus."""
    rows: int = 16
    """Rows per step; several sentences share a row, and attend only to themselves."""
    row_tokens: int = 80
    """Tokens per row."""
    learning_rate: float = 2e-3
    """Peak learning rate, reached after the warm-up; then it decays linearly to zero."""
    embedding_rate: float = 1.0
    """Learning rate of the token embeddings, as a multiple of that of all other weights. Names are
    rare, so few steps change their embeddings: several times the rate saves half of the epochs."""
    warm_up: float = 0.06
    """Share of the steps in which the learning rate rises."""
    weight_decay: float = 0.01
    """Weight decay of AdamW, on matrices only."""
    object_mask_rate: float = 1.0
    """Share of fact sentences in which exactly the whole object is masked."""
    name_mask_rate: float = 0.35
    """Share of these, if the subject has a second name, in which its first name is masked too."""
    token_mask_rate: float = 0.15
    """Share of tokens that are masked in other sentences (80 % mask, 10 % random, 10 % same)."""
    next_token_rate: float = 0.2
    """Share of tokens outside objects that a causal model must predict in a step."""
