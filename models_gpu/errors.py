"""The exception for errors that a user can fix: a wrong model, wrong settings, invalid facts."""

from __future__ import annotations

__all__ = ["ModelError"]


class ModelError(ValueError):
    """A model cannot be used as the study asks; the message says why, and what to do."""
