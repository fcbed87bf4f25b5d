"""Opens Dagster's UI of a study in a real browser, as a person would: is all promised there?

Not part of the test run, which needs no browser. Starts ``factroots ui`` on a free port, looks at
the graph of all assets, at a lake table, a mart, its checks and plots, and at the sensor, and ends
what it started. Fails on an error of the console, on something in the way, or on something that is
not shown. With --pictures it saves what it saw.

    python -m tests.browser.look_at_ui atlas --pictures build/pictures-ui
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Error, Page, sync_playwright

from tests.helpers.user_interface import user_interface


@dataclass(frozen=True)
class Look:
    """A page of the UI, and words that have to be on it."""

    name: str
    """Name of the picture."""
    path: str
    """Its path."""
    words: tuple[str, ...]
    """What has to be seen."""
    click: str | None = None
    """Button to press first."""
    height: int = 1000
    """Pixels of the window; pages scroll inside of it, so that more has to be higher."""


PLACE = "locations/__repository__@dagster_project.definitions"
MART = "assets/p_at_1_by_language"
LAKE = "assets/lake/predictions"
LOOKS = (
    Look("graph", "asset-groups", ("lake_facts", "marts_probing", "published")),
    Look("group", f"{PLACE}/asset-groups/marts_probing/lineage", ("p_at_1_overview",)),
    Look("lake", LAKE, ("lake_models", "gold_log_prob", "preview"), height=2000),
    Look("mart", MART, ("marts_probing", "fct_predictions", "preview"), height=3000),
    Look("staging", "assets/stg_lake__models", ("lake_views", "tokenizer_hash"), height=2000),
    Look("checks", f"{MART}?view=checks", ("numbers_add_up",)),
    Look("lake_checks", f"{LAKE}?view=checks", ("expectations",)),
    Look("p_at_1", MART, ("P@1 atlas-mlm/en",), click="Plots", height=3000),
    Look("rates", LAKE, ("rows_per_second",), click="Plots", height=2000),
    Look("sensor", f"{PLACE}/sensors/study_changes", ("study_changes", "Running")),
    Look("jobs", "jobs", ("build_marts", "run_model")),
)


def main() -> int:
    arguments = _arguments()
    faults: list[str] = []
    started = time.perf_counter()
    with user_interface(arguments.study, arguments.home) as server, sync_playwright() as playing:
        print(f"factroots ui answers after {time.perf_counter() - started:.1f} s")
        browser = playing.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: _hear(message.type, message.text, faults))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(server.first_address)
        for look in LOOKS:
            start = time.perf_counter()
            page.set_viewport_size({"width": 1500, "height": look.height})
            page.goto(f"{server.address}/{look.path}")
            if look.click is not None:
                page.get_by_role("button", name=look.click).click()
            missing = [word for word in look.words if not _sees(page, word)]
            faults += [f"{look.name}: '{word}' is not shown" for word in missing]
            if page.locator("[role=dialog]").count():
                faults.append(f"{look.name}: a dialog is in the way")
            print(f"{look.name}: {time.perf_counter() - start:.1f} s")
            if arguments.pictures:
                page.wait_for_timeout(1500)
                arguments.pictures.mkdir(parents=True, exist_ok=True)
                page.screenshot(path=arguments.pictures / f"{look.name}.png")
        browser.close()
    for fault in faults:
        print(f"  {fault}")
    print("no fault" if not faults else f"{len(faults)} faults")
    return min(len(faults), 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Look at Dagster's UI in Chromium.")
    parser.add_argument("study", nargs="?", default="atlas")
    parser.add_argument("--home", type=Path, default=Path("warehouse"))
    parser.add_argument("--pictures", type=Path, help="folder for pictures")
    parser.add_argument(
        "--chromium",
        default=shutil.which("chromium") or shutil.which("google-chrome"),
        help="the browser; default: what is installed, else playwright's own",
    )
    return parser.parse_args()


def _hear(kind: str, text: str, faults: list[str]) -> None:
    if kind == "error":
        faults.append(f"console: {text}")


def _sees(page: Page, word: str) -> bool:
    try:
        page.get_by_text(word).locator("visible=true").first.wait_for(timeout=30_000)
    except Error:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
