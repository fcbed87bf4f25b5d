"""Settings of the methods: what a study can set, with a default and a meaning for each.

What belongs here: the settings that change results. What does not: how a method uses them
(``models_gpu.methods``), the description of a model (``models_gpu.loading.spec.ModelSpec``). This
module does not import torch, so that a study is checked fast.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "CheckSettings", "EditSettings", "Mode", "NeuronKind", "PatchPositions", "PatchSettings",
    "PathSettings", "ProbelessSettings", "PropagationSettings", "Quadrature", "SplitSettings",
    "Swap", "SwapSettings", "TextGradientSettings",
]  # fmt: skip

NeuronKind = Literal["ffn", "layer_output"]
"""'ffn': input of a layer's down projection; 'layer_output': the residual stream after it."""

Mode = Literal["zero", "zero_norm_held", "amig", "amig_mean", "amig_code"]
"""Baseline b of the straight line to the clean activations w̄.

- 'zero': b = 0 (Dai et al. 2022).
- 'zero_norm_held': the same, and a norm behind the down projection (Gemma 2 and 3) divides by what
  it divides by at w̄. In other families it equals 'zero'.
- 'amig': one line from each b^(i), the activations when token i of the query is replaced by the
  mask token (by the end-of-text token in a causal model). Attributions are summed over i (paper of
  Chen et al. 2024).
- 'amig_mean': one line from the mean of the b^(i).
- 'amig_code': the same line, but gradients are multiplied by w̄ instead of w̄ − b (published code of
  Chen et al.). These attributions do not add up to F(w̄) − F(b).
"""
Quadrature = Literal["left", "midpoint", "gauss"]
"""'left': left Riemann sum, as published; 'midpoint': midpoint rule; 'gauss': Gauss–Legendre."""
PatchPositions = Literal["subject", "object", "both"]
"""'subject': the tokens of the subject; 'object': in a masked model the masks, in a causal model
the last token of the prompt; 'both': both."""

Swap = Literal["masked", "first_part", "last_part", "invented", "other_subject"]
"""What stands in the place of a subject.

- 'masked': as many masks as its name has tokens; the letter X for a causal model.
- 'first_part', 'last_part': half of its tokens, with masks for the others; a causal model sees the
  half alone. A name of one token has no parts.
- 'invented': a new name in the shape of one of the relation's subjects; each letter is drawn from
  the letters of the language's subjects, each digit from its digits.
- 'other_subject': another subject of the relation that does not have the same object.
"""


@dataclass(frozen=True)
class ProbelessSettings:
    """Which neurons are scored, and how many are kept."""

    top: int = 50
    """Number of active neurons per fact."""
    neuron: NeuronKind = "ffn"
    """'ffn': inputs of the down projections; 'layer_output': the residual stream."""
    is_normalised: bool = False
    """Whether scores are divided by the neuron's standard deviation over the relation's facts, so
    that neurons of high variance do not come first for every fact."""
    bins: int = 16
    """Bins per layer in the profiles."""

    @property
    def method_code(self) -> str:
        """Code of the variant in the lake."""
        code = "probeless" if self.neuron == "ffn" else "probeless-layer"
        return f"{code}-normalised" if self.is_normalised else code

    @property
    def needed_queries(self) -> int:
        """Distinct queries that a relation needs so that its neurons can differ in score.

        With two queries all neurons have the same normalised distance.
        """
        return 3 if self.is_normalised else 2


@dataclass(frozen=True)
class PathSettings:
    """Which integral is computed, and with how many points."""

    mode: Mode = "zero"
    """Baseline of the line."""
    steps: int | None = None
    """Number of points on the line, at least 1. None: 4, and more where ``tolerance`` asks for
    them, which is then 0.0003 if it is None. With it, no attribution of the embedded models was
    wrong by more than 4 % of its fact's largest; with 10 points on every line, by 62 %."""
    quadrature: Quadrature = "gauss"
    """Rule that places and weights the points."""
    tolerance: float | None = None
    """Largest completeness residual of a path in a layer: where it is larger, the number of points
    is doubled, up to ``most_steps``. None: every integral has ``steps`` points."""
    most_steps: int = 128
    """Largest number of points, reached by doubling."""

    @property
    def first_steps(self) -> int:
        """Number of points with which every line begins."""
        return 4 if self.steps is None else self.steps

    @property
    def largest_residual(self) -> float | None:
        """Residual above which the points are doubled; None: never."""
        return 0.0003 if self.steps is None and self.tolerance is None else self.tolerance


@dataclass(frozen=True)
class EditSettings:
    """Which neurons are edited, and by which factors."""

    factors: tuple[float, ...] = (0.0, 2.0)
    """Factors on the activations: 0 suppresses a neuron, 2 doubles it."""
    base_language: str | None = None
    """Language whose PROBELESS neurons are edited in every language; None skips these edits."""
    base_factors: tuple[float, ...] = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)
    """Factors on the neurons of the base language, as in the code of Zhao et al."""
    seed: int = 0
    """Seed of all random neurons."""


@dataclass(frozen=True)
class SplitSettings:
    """How many facts are checked, and how the subjects of a relation are split.

    Subjects in neither the validation nor the test split are in the train split; both shares
    together must be below 1.
    """

    facts: int = 20
    """Largest number of facts per relation and split."""
    validation_share: float = 0.2
    """Share of a relation's subjects on which the threshold λ is chosen."""
    test_share: float = 0.2
    """Share of a relation's subjects on which the threshold λ is evaluated."""
    seed: int = 0
    """Seed of the split, of the choice of facts and of the wrong objects."""


@dataclass(frozen=True)
class CheckSettings:
    """Which neurons represent a relation.

    All shares are between 0 and 1.
    """

    path: PathSettings = field(default_factory=PathSettings)
    """Integral with which all attributions are computed."""
    threshold: float = 0.3
    """τ: knowledge neurons of a fact have an attribution above τ · (its largest attribution)."""
    candidates: int = 20
    """Best neurons per training fact whose pairs are tested for degeneracy, at least 2."""
    single_share: float = 0.8
    """A degenerate pair keeps at least this share of P without either one of its neurons."""
    pair_share: float = 0.75
    """A degenerate pair keeps less than this share of P without both neurons."""
    shared: float = 0.7
    """t: keep neurons found in more than t · n training facts; the most frequent neuron is in n."""
    seed: int = 0
    """Seed of the random neurons."""


@dataclass(frozen=True)
class PropagationSettings:
    """How a fact is changed: plain gradient descent, without momentum or weight decay."""

    steps: int = 20
    """Largest number of steps per change, at least 1."""
    learning_rate: float = 0.1
    """Factor on the gradient of -log P(new object), summed over its tokens."""
    stop_probability: float = 0.9
    """A change ends once the new object has this probability in the changed language."""
    weights: Literal["ffn", "all"] = "ffn"
    """Weights that are changed: the down projections of the FFN layers, or all of the model, which
    also moves names that have nothing to do with the fact."""


@dataclass(frozen=True)
class TextGradientSettings:
    """How gradients of texts and queries are compared."""

    width: int = 16
    """Numbers to which either side of a weight matrix is projected: a gradient of an m x n matrix
    becomes width x width numbers."""
    folds: int = 7
    """Masked models: every token of a text is masked in one of this many copies; 7 masks a seventh,
    about the 15 % of BERT's training."""
    seed: int = 0
    """Seed of the random projections."""


@dataclass(frozen=True)
class SwapSettings:
    """What replaces the subjects of facts."""

    swaps: tuple[Swap, ...] = ("masked", "first_part", "last_part", "invented", "other_subject")
    """What stands in the place of a subject."""
    other_subjects: int = 3
    """Other subjects and invented names per fact, at least 1; facts of a relation share them."""
    seed: int = 0
    """Seed of the other subjects and of the invented names."""


@dataclass(frozen=True)
class PatchSettings:
    """Which states are put from one query into another."""

    positions: tuple[PatchPositions, ...] = ("subject", "object")
    """Positions whose states are replaced, one set after the other."""
    seed: int = 0
    """Seed of the choice of source facts."""
