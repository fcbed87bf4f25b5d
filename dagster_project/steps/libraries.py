"""Libraries that rows come from: whose versions make parts stale, and whose do not, with reasons.

A new version of a library that is part of a fingerprint makes the parts stale. Where it is not, the
version is written into the part, so that a reader sees which parts were made with which one.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import metadata

__all__ = ["RECORDED", "STABLE", "versions"]

RECORDED = {
    "torch": "a new version can round the last digits otherwise, and to compute everything again "
    "can take weeks of a GPU",
    "transformers": "tests compare answers with its plain forward pass",
    "tokenizers": "the tokenizer's rules are in its files, and their hash is in the fingerprint",
}
"""Libraries of the models whose version is recorded in each part: name → why that is enough."""

STABLE = {
    "numpy": "adds and sorts; sums that depend on their order are exact or rounded",
    "huggingface_hub": "downloads a commit, whose hash is in the fingerprint",
    "polars": "joins and counts; how rows are ordered is written in the code",
    "pyarrow": "writes and reads rows as they are",
    "orjson": "reads JSON as it is",
    "yaml": "reads the table of model families, which is part of the code",
    "fsspec": "reads bytes, whose hash or time is in the fingerprint",
    "babel": "writes the facts of Atlas, which are in the repository",
    "hyperscan": "finds the same names as polars does, which tests hold",
}
"""Libraries whose version is neither part of a fingerprint nor recorded: name → why."""


@cache
def versions(libraries: Iterable[str]) -> dict[str, str]:
    """Library → its installed version; an empty text for one that is not installed."""
    return {name: _version(name) for name in libraries}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
