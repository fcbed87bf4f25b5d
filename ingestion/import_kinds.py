"""Kinds of imported files; a module of its own, because the command line needs no more to start."""

from __future__ import annotations

from typing import Literal

__all__ = ["ImportKind"]

ImportKind = Literal["predictions", "neurons", "presence"]
"""What a file has."""
