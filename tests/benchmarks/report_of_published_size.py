"""The report at the size of the published study: bytes of the page, seconds to draw it.

Run: ``python -m tests.benchmarks.report_of_published_size [--page FILE] [--warehouse FILE]``

Makes up what two models answer in 53 languages (843,143 answers each, 75,000 of them right), with
names, passages and neurons that compress as badly as real ones, and writes the page of all facts.
Its figures are those of a published warehouse of that size, made in minutes by
``warehouse_at_full_size --keep FOLDER``; without ``--warehouse`` the page has none. With Chromium
and playwright it opens the page, scrolls through its figures, opens a fact, and searches a name.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import duckdb

from warehouse.connection import opened
from warehouse.report.facts import BUDGETS, CHUNK, chunks_that_fit, read_facts
from warehouse.report.figures import Figure, read_figures
from warehouse.report.head import Head
from warehouse.report.library import drawing_library
from warehouse.report.page import make_page, packed

AIM_BYTES, AIM_SECONDS = 15_000_000, 5

TABLES = Path(__file__).with_suffix(".sql")

_SCROLL = """async () => {
  const charts = [...document.querySelectorAll("figure .chart")];
  for (const chart of charts) {
    chart.scrollIntoView();
    while (!chart.dataset.drawn) await new Promise((next) => setTimeout(next, 10));
  }
  return charts.length;
}"""
"""Scrolls to each figure as soon as the one before is drawn; returns how many there are."""

_COUNTS = "select model_id, count(*), count(*) filter (is_right) from fct_predictions group by all"


def main() -> int:
    options = argparse.ArgumentParser(description="Write a page of the published study's size.")
    options.add_argument("--page", type=Path, help="where to keep the page")
    options.add_argument("--warehouse", type=Path, help="a published file of this size")
    arguments = options.parse_args()
    kept = arguments.page
    with tempfile.TemporaryDirectory() as temporary:
        path = (kept or Path(temporary) / "report.html").resolve()
        with duckdb.connect() as connection:
            connection.execute(TABLES.read_text(encoding="utf-8"))
            print(connection.sql(_COUNTS))
            started = time.process_time()
            facts = read_facts(connection)
            print(f"reading facts: {time.process_time() - started:.1f} s of processors")
        sections: dict[str, list[Figure]] = {}
        if arguments.warehouse:
            started = time.process_time()
            with opened(arguments.warehouse) as file:
                sections = read_figures(file.connection)
            print(f"reading figures: {time.process_time() - started:.1f} s of processors")
        started = time.process_time()
        head = Head("published", "a study", [], "today", {})
        library = drawing_library(Path(temporary))
        path.write_text(make_page(head, [], [], sections, facts, library), encoding="utf-8")
        print(f"writing: {time.process_time() - started:.1f} s of processors")
        size = path.stat().st_size
        shown = {
            name: len(chunks_that_fit(facts.parts[name], packed, BUDGETS[name])) for name in BUDGETS
        }
        for name, count in shown.items():
            print(f"facts with {name}: {min(count * CHUNK, len(facts.index['id'])):,}")
        print(f"page: {size / 1e6:.1f} MB (aim: at most {AIM_BYTES / 1e6:.0f} MB)")
        slowest = _look(path, facts.index["id"][0], facts.index["name"][1].split(" → ")[0])
    return int(size > AIM_BYTES or slowest > AIM_SECONDS)


def _look(path: Path, fact: str, name: str) -> float:
    """Open the page in Chromium; returns the seconds of the slowest thing that a reader does."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("not drawn: playwright is not installed")
        return 0.0
    slowest = 0.0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(300_000)

        def timed(what: str, started: float) -> None:
            nonlocal slowest
            seconds = time.perf_counter() - started
            slowest = max(slowest, seconds)
            print(f"{what}: {seconds:.1f} s")

        started = time.perf_counter()
        page.goto(path.as_uri())
        timed(f"{page.evaluate(_SCROLL)} figures drawn", started)
        started = time.perf_counter()
        page.locator("#facts").scroll_into_view_if_needed()
        page.locator("#list[aria-busy=false] li").first.wait_for()
        timed("list drawn", started)
        started = time.perf_counter()
        page.fill("#search", name)
        page.locator("#list[aria-busy=true]").wait_for()
        page.locator("#list[aria-busy=false] li").first.wait_for()
        timed("first search", started)
        started = time.perf_counter()
        page.goto(f"{path.as_uri()}#fact={fact}")
        page.locator("#fact .chart[data-drawn] svg").wait_for()
        timed("page of a fact", started)
        browser.close()
    return slowest


if __name__ == "__main__":
    raise SystemExit(main())
