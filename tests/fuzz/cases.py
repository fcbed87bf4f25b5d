"""Seeds of the cases, texts that are hard to read, and damage to the bytes of a file."""

from __future__ import annotations

import os
import random
import traceback
from collections.abc import Callable

import pytest

from ingestion.errors import FactrootsError

TIMES = float(os.environ.get("FACTROOTS_FUZZ", "1"))
FIRST_SEED = int(os.environ.get("FACTROOTS_FUZZ_SEED", "0"))

LETTERS = "abcXYZ éßİǰ\u0301\u0308 中文日本한국 عربי हिन्दी ქართ 𝔸👩‍👧 🇩🇪 0123"
ODD = (
    *"'\"`,;:|\\/[]{}()<>&%$#@!?*+-=_~^.\t", "\u00a0", "\u200b", "\u200c", "\u200d", "\u200e",
    "\u00ad", "\ufeff", "\u2028", "\u0085", "\x00", "\x1f", "\r", "[X]", "[Y]", "[MASK]", "</s>",
    "<mask>", "{{", "}}", "''", "'''", "&amp;", "\ufffd", "\u202e", "ﬁ", "Å", "　", "NaN", "null",
)  # fmt: skip


def run(area: str, count: int, check: Callable[[random.Random], object]) -> None:
    """Check ``count`` cases of an area; one clear error is right, every other one is a failure.

    Args:
        area: part of each seed, so that areas have different cases.
        count: number of cases at ``FACTROOTS_FUZZ=1``.
        check: builds a case from a generator and checks it; an ``AssertionError`` is its verdict.
    """
    refused = 0
    total = max(1, int(count * TIMES))
    for seed in range(FIRST_SEED, FIRST_SEED + total):
        try:
            check(random.Random(f"{area} {seed}"))
        except FactrootsError as error:
            refused += 1
            message = str(error)
            assert len(message) > 15, f"{area} {seed}: the error {message!r} says too little"
            assert "Traceback" not in message, f"{area} {seed}: {message}"
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException:
            # Rust code raises errors that are no Exception.
            pytest.fail(f"{area}, seed {seed}:\n{traceback.format_exc()}", pytrace=False)
    assert refused < total, f"{area}: every case is refused, so nothing else is tested"


def label(rng: random.Random) -> str:
    """A name: letters of many scripts, with marks, blanks and mark-up."""
    parts = [rng.choice(LETTERS) for _ in range(rng.randint(1, 8))]
    for _ in range(rng.randint(0, 3)):
        parts.insert(rng.randint(0, len(parts)), rng.choice(ODD))
    return "".join(parts)


def damaged(rng: random.Random, content: bytes) -> bytes:
    """The bytes after one to three kinds of damage."""
    for _ in range(rng.randint(1, 3)):
        content = rng.choice(_DAMAGES)(rng, content)
    return content


def _flip(rng: random.Random, content: bytes) -> bytes:
    if not content:
        return content
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _cut(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randint(0, len(content))]


def _drop(rng: random.Random, content: bytes) -> bytes:
    start = rng.randint(0, len(content))
    return content[:start] + content[start + rng.randint(1, 30) :]


def _insert(rng: random.Random, content: bytes) -> bytes:
    place = rng.randint(0, len(content))
    return content[:place] + "".join(rng.choices(ODD, k=3)).encode() + content[place:]


def _double(rng: random.Random, content: bytes) -> bytes:
    start = rng.randint(0, len(content))
    part = content[start : start + rng.randint(1, 200)]
    return content[: start + len(part)] + part + content[start + len(part) :]


def _ends(rng: random.Random, content: bytes) -> bytes:
    return content.replace(b"\n", rng.choice([b"\r\n", b"\r", b"\n\n", b"\n \n"]))


def _mark(rng: random.Random, content: bytes) -> bytes:
    return rng.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00", b"PK\x03\x04"]) + content


def _recode(rng: random.Random, content: bytes) -> bytes:
    code = rng.choice(["utf-16", "utf-16-le", "latin-1", "cp1252"])
    return content.decode(errors="replace").encode(code, errors="replace")


_DAMAGES = (_flip, _flip, _cut, _drop, _insert, _insert, _double, _ends, _mark, _recode)
