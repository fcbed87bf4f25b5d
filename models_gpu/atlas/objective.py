"""The interface of a training objective, which ``masked`` and ``causal`` implement as modules.

What belongs here: what the training loop needs from an objective. What does not: the loop itself
(``models_gpu.atlas.pretrain``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedTokenizerFast

    from models_gpu.atlas.corpus_files import TokenisedText
    from models_gpu.atlas.packing import StepInput
    from models_gpu.atlas.recipe import Recipe

__all__ = ["Objective"]


class Objective(Protocol):
    """A kind of model, its training targets, and their logits."""

    def network(self, tokenizer: PreTrainedTokenizerFast, recipe: Recipe) -> Any:
        """Create a transformers model of the recipe's size with random weights."""

    def step(
        self,
        text: TokenisedText,
        batch: Tensor,
        tokenizer: PreTrainedTokenizerFast,
        recipe: Recipe,
        chance: torch.Generator,
    ) -> StepInput:
        """Unpack the sentences of one step and draw its targets.

        Args:
            text: the corpus.
            batch: ``[rows, sentences]`` sentence numbers, from ``packing.pack``.
            tokenizer: the tokenizer of the corpus.
            recipe: sizes and rates.
            chance: random numbers of this run.
        """

    def asked_logits(self, model: Any, step_input: StepInput) -> Tensor:
        """Compute the logits of the target tokens, ``[targets, vocabulary]``."""
