"""Writing files so that readers never see half of one.

What belongs here: temporary names. What does not: what is written, and what its errors mean.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["replace_file", "temporary_file"]


@contextlib.contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """Give a path in the folder of ``path`` to write to, and delete what is left there at the end.

    To make the result visible, call ``temporary.replace(path)`` as the last step of the block: a
    reader then sees the old file or the whole new one.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
    finally:
        # DuckDB writes a log next to its file.
        for leftover in (temporary, temporary.with_name(f"{temporary.name}.wal")):
            with contextlib.suppress(OSError):
                leftover.unlink()


def replace_file(path: Path, content: bytes) -> None:
    """Write a file atomically; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_file(path) as temporary:
        temporary.write_bytes(content)
        temporary.replace(path)
