"""Description of a model, as a study gives it.

What belongs here: the fields of a study's model block that loading needs. What does not: whether
the model exists (``models_gpu.loading.source``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from models_gpu.errors import ModelError

__all__ = ["Dtype", "MaskCounts", "ModelSpec"]

Dtype = Literal["float32", "bfloat16", "float16"]
MaskCounts = Literal["gold", "all"]


@dataclass(frozen=True)
class ModelSpec:
    """One model of a study, as the study file describes it."""

    model_id: str
    """Name of the model in the study and in all tables."""
    source: str
    """A local folder, or a name on the Hugging Face hub such as 'google-bert/bert-base-cased'."""
    revision: str | None = None
    """Branch, tag or commit on the hub; None takes the default branch. Folders have none."""
    dtype: Dtype = "float32"
    """Arithmetic of the forward pass."""
    mask_counts: MaskCounts = "gold"
    """Masks per query. 'gold': as many as the object has tokens; 'all': 1 to the longest object of
    the relation. Causal models take 'gold' only."""
    examples: int = 0
    """Solved queries of the same relation before every query."""
    examples_seed: int = 0
    """Seed of the order in which examples are taken."""
    other_objects: bool = False
    """Whether an example may not have the fact's own object."""
    chat: str | None = None
    """Message of the user in a chat whose reply begins with the query; None: no chat."""
    trust_remote_code: bool = False
    """Whether Python code from the model's repository may be run."""
    allow_pickle: bool = False
    """Whether weights may be read from pickle files, which can run code when they are loaded."""
    within: Path | None = None
    """Folder of a restricted study, which the files of a local model must lie in."""

    def __post_init__(self) -> None:
        """Raise ModelError for a value that is not allowed."""
        for name, value, allowed in (
            ("dtype", self.dtype, get_args(Dtype)),
            ("mask_counts", self.mask_counts, get_args(MaskCounts)),
        ):
            if value not in allowed:
                raise ModelError(
                    f"model '{self.model_id}': {name} is '{value}'; it can be {', '.join(allowed)}"
                )
