"""Wording that error messages share. What does not belong here: text of corpora or facts."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["did_you_mean"]


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """End of a sentence: up to three close matches (``; did you mean 'de'?``), or a full stop."""
    near = get_close_matches(wrong.lower(), list(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
