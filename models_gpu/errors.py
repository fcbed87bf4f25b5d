"""The exception for errors that a user can fix: a wrong model, wrong settings, invalid facts."""

from __future__ import annotations

from ingestion.errors import FactrootsError

__all__ = ["ModelError", "first_line"]


class ModelError(FactrootsError, ValueError):
    """A model cannot be used as the study asks; the message says why, and what to do."""


def first_line(error: BaseException) -> str:
    """Get the first line of an error's message; its class name if there is no message."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
