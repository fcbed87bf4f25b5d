"""The drawing library of the report: Vega, as one JavaScript text made by vl-convert.

Making the text takes seconds. It depends only on vl-convert's version, so it is made once and kept
next to the report, and a run makes it in another process while it computes the lake.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

from warehouse.files import replace_file

__all__ = ["bundling", "drawing_library"]


def drawing_library(folder: Path) -> str:
    """Read the library from a folder; the first call for a version makes it there.

    Raises:
        OSError: the folder cannot be written or read.
    """
    path = _path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # Another process may be making it.
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            import vl_convert

            # Its stub lacks the defaults.
            text: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]
            replace_file(path, text.encode())
        return path.read_text(encoding="utf-8")


@contextlib.contextmanager
def bundling(folder: Path) -> Iterator[None]:
    """Make the library in another process while the block runs, unless it is there."""
    if _path(folder).exists():
        yield
        return
    with subprocess.Popen(
        [sys.executable, "-m", __name__, str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            process.kill()


def _path(folder: Path) -> Path:
    return folder / f".vega-{version('vl-convert-python')}.js"


if __name__ == "__main__":
    drawing_library(Path(sys.argv[1]))
