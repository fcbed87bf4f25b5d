"""The tables that a run prints at its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from tests.helpers.small_files import write_file
from warehouse.summary import summary_tables

TABLES = """
create table transfer_effect as
select
    objective, corpus as corpus_id, 'all' as scope_kind, stratum as stratum_code,
    contrast as contrast_code, 1400 as treated_count, 0.4807::double as treated_match_rate,
    0.1565::double as control_match_rate, 0.3242::double as effect_score,
    0.2338::double as effect_score_low, 0.4146::double as effect_score_high,
from (values ('masked'), ('causal')) as objectives (objective)
cross join (values ('atlas'), ('atlas-twin')) as corpora (corpus)
cross join (values ('all'), ('identical_string'), ('other_script')) as strata (stratum)
cross join (values ('same_corpus'), ('twin_corpus')) as contrasts (contrast);
create table roots_by_language as
select * from (
    values
    ('first', 'paper', 'transferred', 5, 4, 1),
    ('first', 'paper', 'transferred', 6, 5, 2),
    ('first', 'paper', 'independent', 7, 3, 3),
    ('first', 'calibrated', 'independent', 100, 0, 0),
    ('second', 'paper', 'undetermined', 9, 0, 0),
    ('second', 'paper', 'shared', 0, 0, 0)
) as rows (model_id, rule_code, root_code, root_count, twin_fact_count, guess_count);
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_file(tmp_path_factory.mktemp("warehouse") / "factroots.duckdb", TABLES)


def printed(file: Path, name: str, monkeypatch: pytest.MonkeyPatch, width: int = 80) -> str:
    """One table, as a terminal of this width shows it."""
    monkeypatch.setattr("warehouse.summary._ORDER", (name,))
    console = Console(width=width)
    with console.capture() as captured:
        console.print(*summary_tables(file))
    return captured.get()


def cells(text: str) -> list[list[str]]:
    rows = [line for line in text.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]


def test_transfer_within_a_corpus_has_room_in_80_columns(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = printed(file, "transfer_effect", monkeypatch)
    assert "…" not in text
    assert "P@1" in text
    assert "…" not in printed(file, "transfer_effect", monkeypatch, 60)
    rows = cells(printed(file, "transfer_effect", monkeypatch, 120))
    assert len(rows) == 2 * 2 * 3
    assert rows[1] == [
        "masked atlas", "identical string", "1,400", "0.481", "0.157", "0.324", "0.234", "0.415",
    ]  # fmt: skip


def test_roots_are_those_of_the_papers_rule_and_transferred_ones_have_a_control(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = printed(file, "roots", monkeypatch)
    assert "by the paper's rule" in text
    # The second model has no root that is determined.
    assert cells(text) == [
        ["first", "independent", "7", "–", "–"],
        ["first", "transferred", "11", "9", "3"],
    ]
