"""What a report was made from: the published file, the code, and the bytes of the page.

Imports nothing that draws, so that a command can ask in no time whether a report is up to date.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from warehouse.publish import published_identity
from warehouse.questions import QUERIES

__all__ = ["PAGE", "STAMP", "is_current", "made_from"]

PAGE = "report.html"
"""The page, in the folder of the report."""
STAMP = ".made_from.json"
"""The file next to it that says what it was made from."""


def is_current(published_file: Path, folder: Path) -> bool:
    """Whether the folder has an undamaged report of this published file, by the present code."""
    try:
        recorded = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        return bool(recorded == made_from(published_file, folder / PAGE))
    except (OSError, ValueError):
        return False


def made_from(published_file: Path, page: Path) -> dict[str, str | None]:
    """What a page depends on, and its checksum.

    Raises:
        OSError: there is no page.
    """
    code = hashlib.sha256()
    for path in sorted([*Path(__file__).parent.rglob("*"), *QUERIES.rglob("*.sql")]):
        if path.is_file() and path.suffix != ".pyc":
            code.update(path.read_bytes())
    return {
        "publication": published_identity(published_file),
        "code": code.hexdigest(),
        "page": hashlib.sha256(page.read_bytes()).hexdigest(),
    }
