"""The one exception that tells a user what is wrong with a model or with a query put to it."""

from __future__ import annotations

__all__ = ["ModelError"]


class ModelError(ValueError):
    """A model cannot be used as the study asks; the message says why and what to do about it."""
