"""The report of the tiny study in Chromium: drawn, silent, without requests, readable by all."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

pytestmark = pytest.mark.nightly


def test_the_report_is_drawn_and_readable_on_every_screen(finished: Path) -> None:
    reason = "pip install -e '.[browser]'"
    pytest.importorskip("playwright", reason=reason)
    pytest.importorskip("axe_playwright_python", reason=reason)
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    from tests.browser.look_at_report import look

    with duckdb.connect(finished / "factroots.duckdb", read_only=True) as connection:
        [(fact,)] = connection.execute(
            "select max_by(fact_id, neuron_rank) from answer_neurons"
        ).fetchall()
    assert look(finished / "report" / "report.html", fact) == []
