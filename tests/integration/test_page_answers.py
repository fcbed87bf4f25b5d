"""The answers in README and docs/analysts.md are those of their queries, where Atlas was run.

They need a whole run, which takes minutes, so the test reads the results of ``make run`` and is
skipped without them. ``make readme`` writes the answers of that run into the pages.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import duckdb
import pytest

PROJECT = Path(__file__).resolve().parents[2]
PUBLISHED = PROJECT / "warehouse" / "atlas" / "factroots.duckdb"
PAGES = {"README.md": 1, "docs/analysts.md": 5}
"""Page, and how many questions it answers."""
ANSWERED = re.compile(r"```sql\n(?P<query>[^`]+)```\n\n```csv\n(?P<answer>[^`]*)```")


def answered(page: str, published: Path) -> str:
    """The page with the answers of this warehouse."""
    with duckdb.connect(str(published), read_only=True) as connection:

        def block(found: re.Match[str]) -> str:
            table = io.BytesIO()
            connection.sql(found["query"]).pl().write_csv(table)
            return f"```sql\n{found['query']}```\n\n```csv\n{table.getvalue().decode()}```"

        return ANSWERED.sub(block, page)


@pytest.mark.parametrize(("page", "count"), PAGES.items())
def test_a_page_answers_its_questions(project: Path, page: str, count: int) -> None:
    assert len(ANSWERED.findall((project / page).read_text(encoding="utf-8"))) == count


@pytest.mark.parametrize("page", PAGES)
def test_the_answers_in_a_page_are_those_of_the_queries(project: Path, page: str) -> None:
    if not PUBLISHED.exists():
        pytest.skip("no warehouse/atlas/factroots.duckdb: run `make run` to compare its answers")
    text = (project / page).read_text(encoding="utf-8")
    assert text == answered(text, PUBLISHED), "make readme writes the present answers"


if __name__ == "__main__":
    published = Path(sys.argv[1]) if len(sys.argv) > 1 else PUBLISHED
    for name in PAGES:
        page = PROJECT / name
        page.write_text(answered(page.read_text(encoding="utf-8"), published), encoding="utf-8")
