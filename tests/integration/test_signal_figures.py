"""The figures in docs/signals.md are those of the embedded studies.

They need whole runs, so the tests read what ``make run`` and ``factroots run atlas-neurons`` left,
and are skipped without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from test_page_figures import opened


def expect(project: Path, sentence: str) -> None:
    page = " ".join((project / "docs" / "signals.md").read_text(encoding="utf-8").split())
    assert sentence in page, f"docs/signals.md should say: {sentence}"


def reading(project: Path, study: str, commands: str, table: str) -> duckdb.DuckDBPyConnection:
    """A run's tables; the test is skipped if the run is older than a table."""
    connection = opened(project, study, commands)
    if not connection.execute("from duckdb_tables() where table_name = ?", [table]).fetchall():
        pytest.skip(f"warehouse/{study}/factroots.duckdb has no {table}: run {commands}")
    return connection


@pytest.fixture(scope="module")
def atlas(project: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with reading(project, "atlas", "`make run`", "fct_name_cues") as connection:
        yield connection


def test_the_page_has_the_name_cues(project: Path, atlas: duckdb.DuckDBPyConnection) -> None:
    ((facts, cues, others, other_cues),) = atlas.execute(
        """select sum(fact_count)::bigint, sum(cue_count)::bigint, sum(other_count)::bigint,
                  sum(other_cue_count)::bigint from name_cues_by_language"""
    ).fetchall()
    expect(
        project,
        f"{cues} of {facts:,} names are cues and {other_cues} of {others:,} other objects are.",
    )
    (without, with_cue) = atlas.execute(
        """select count(*), count(*) filter (is_right) from fct_world_answers
           inner join fct_name_cues using (language_code, fact_id)
           where arm_code = 'named' and stratum_code = 'nowhere'
           group by is_name_cue order by is_name_cue"""
    ).fetchall()
    expect(
        project,
        f"{with_cue[1]} of {with_cue[0]} answers with a cue are right "
        f"({with_cue[1] / with_cue[0]:.3f}), and {without[1]:,} of {without[0]:,} without one "
        f"({without[1] / without[0]:.3f}).",
    )
