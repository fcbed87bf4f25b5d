"""Opens a report in a real browser, as a reader would: is it drawn, quiet and readable by all?

Not part of the test run, which needs no browser. In light and in dark every figure is drawn, the
list is searched and a fact opened; then axe looks for faults of accessibility. Says what it found
and fails on an error of the console, a figure that is not drawn, or a serious fault. With
--pictures it also saves what it saw of the figures named, and of the fact, in light.

    python -m tests.browser.look_at_report warehouse/atlas/report/report.html --search Tijuana
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

SERIOUS = {"serious", "critical"}


def main() -> int:
    arguments = _arguments()
    faults = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=arguments.chromium, args=["--no-sandbox"]
        )
        for scheme in ("light", "dark"):
            page = browser.new_page(
                viewport={"width": 1000, "height": 900},
                color_scheme=scheme,
                device_scale_factor=arguments.scale,
            )
            noise: list[str] = []
            page.on("console", lambda message, noise=noise: noise.append(message.text))
            page.on("pageerror", lambda error, noise=noise: noise.append(str(error)))
            start = time.perf_counter()
            page.goto(arguments.report.resolve().as_uri())
            missing = _draw(page)
            drawn = time.perf_counter() - start
            _open_fact(page, arguments.search)
            serious = [fault for fault in _axe(page) if fault["impact"] in SERIOUS]
            count = page.locator(".chart").count()
            print(f"{scheme}: {count - len(missing)} of {count} figures drawn in {drawn:.1f} s")
            for text in [*(f"not drawn: {name}" for name in missing), *noise]:
                print(f"  {text}")
            for fault in serious:
                print(f"  {fault['impact']}: {fault['help']} ({len(fault['nodes'])} times)")
                print(f"    {fault['nodes'][0]['html'][:200]}")
            faults += len(missing) + len(noise) + len(serious)
            if arguments.pictures and scheme == "light":
                _save(page, arguments.pictures, arguments.figures)
        browser.close()
    print("no serious fault" if not faults else f"{faults} faults")
    return min(faults, 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Look at a report in Chromium.")
    parser.add_argument("report", type=Path)
    parser.add_argument("--search", default="", help="what to type into the list of facts")
    parser.add_argument("--pictures", type=Path, help="folder for pictures")
    parser.add_argument("--figures", nargs="*", help="names of the figures to save; default: all")
    parser.add_argument("--scale", type=float, default=1.0, help="pixels per pixel of the page")
    parser.add_argument(
        "--chromium",
        default=shutil.which("chromium") or shutil.which("google-chrome"),
        help="the browser; default: what is installed, else playwright's own",
    )
    return parser.parse_args()


def _draw(page: Page) -> list[str]:
    """Scroll to every figure; returns the names of those without a picture."""
    missing = []
    for figure in page.locator("figure").all():
        figure.scroll_into_view_if_needed()
        try:
            figure.locator(".chart[data-drawn] svg").wait_for(timeout=20_000)
        except Exception:
            missing.append(str(figure.get_attribute("id")))
    return missing


def _open_fact(page: Page, text: str) -> None:
    """Search a fact, open its page, go back to the list, and forward to the page again."""
    page.locator("details.rows summary").first.click()
    page.locator("#facts").scroll_into_view_if_needed()
    page.locator("#list[aria-busy=false] li").first.wait_for()
    page.fill("#search", text)
    page.locator("#list[aria-busy=true]").wait_for(state="attached")
    page.locator("#list[aria-busy=false] li").first.wait_for()
    page.locator("#list a").first.press("Enter")
    page.locator("#fact table").wait_for()
    page.go_back()
    page.locator("#list").wait_for()
    page.go_forward()
    page.locator("#fact table").wait_for()


def _axe(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return found


def _save(page: Page, folder: Path, figures: list[str] | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    page.locator("#list summary").first.evaluate("summary => summary.blur()")
    for figure in page.locator("figure").all():
        name = figure.get_attribute("id")
        if not figures or name in figures:
            figure.screenshot(path=folder / f"{name}.png")
    page.locator("#facts").screenshot(path=folder / "facts.png")


if __name__ == "__main__":
    sys.exit(main())
