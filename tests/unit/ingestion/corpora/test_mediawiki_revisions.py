"""The text of a page is that of its latest revision, in any order of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.corpora.mediawiki import Page, read_pages
from ingestion.corpora.settings import SourceFile

OLD = "<revision><timestamp>2020-01-01T00:00:00Z</timestamp><text>old</text></revision>"
NEW = "<revision><timestamp>2021-01-01T00:00:00Z</timestamp><text>new</text></revision>"
UNDATED = "<revision><text>first</text></revision><revision><text>last</text></revision>"


@pytest.mark.parametrize(
    ("revisions", "text"), [(OLD + NEW, "new"), (NEW + OLD, "new"), (UNDATED, "last")]
)
def test_the_latest_revision_is_read(tmp_path: Path, revisions: str, text: str) -> None:
    path = tmp_path / "x.xml"
    path.write_text(f"<mediawiki><page><title>T</title>{revisions}</page></mediawiki>")
    (page,) = read_pages(SourceFile(str(path), path.stat().st_size))
    assert isinstance(page, Page)
    assert page.wikitext == text
