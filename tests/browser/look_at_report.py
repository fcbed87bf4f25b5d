"""Opens a report in a real browser, as a reader would: is it drawn, quiet and readable by all?

In light, in dark and on a phone every figure is drawn, the list is searched and the page of a fact
opened; then axe looks for faults of accessibility, on the page and on the fact's. Fails on an error
of the console, a figure that is not drawn, a request, a page that is wider than the screen, or a
serious fault, and says which. With --pictures it also saves what it saw, in light.

    python -m tests.browser.look_at_report warehouse/atlas/report/report.html --search Tijuana
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

SERIOUS = {"serious", "critical"}
SCREENS = {"light": (1000, "light"), "dark": (1000, "dark"), "phone": (390, "light")}
"""Name → width in pixels and colours."""
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
TIMEOUT_MS = 60_000


def main() -> int:
    arguments = _arguments()
    found = look(
        arguments.report,
        arguments.search,
        arguments.chromium,
        arguments.scale,
        arguments.pictures,
        arguments.figures,
    )
    print("\n".join(found) if found else "no serious fault")
    return min(len(found), 1)


def look(
    report: Path,
    search: str,
    chromium: str | None = CHROMIUM,
    scale: float = 1.0,
    pictures: Path | None = None,
    figures: list[str] | None = None,
) -> list[str]:
    """Look at a report on every screen.

    Args:
        report: the HTML file.
        search: what to type into the list of facts; the page of the first hit is opened.
        chromium: the browser; None: playwright's own.
        scale: pixels per pixel of the page.
        pictures: folder for pictures; None: none are saved.
        figures: names of the figures to save; None: all.

    Returns:
        The faults, each with the screen and what it is.
    """
    faults: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for screen in SCREENS:
            page = _page(browser, screen, scale, faults)
            start = time.perf_counter()
            page.goto(report.resolve().as_uri())
            faults += [f"{screen}: not drawn: {name}" for name in _undrawn(page)]
            count = page.locator("figure").count()
            print(f"{screen}: {count} figures drawn in {time.perf_counter() - start:.1f} s")
            faults += [f"{screen}: {fault}" for fault in _unreadable(page)]
            if pictures and screen == "light":
                _save(page, pictures, figures)
            _open_fact(page, search)
            faults += [f"{screen}, page of a fact: {fault}" for fault in _unreadable(page)]
            if pictures and screen == "light":
                page.screenshot(path=pictures / "facts.png", clip=_top(page))
        browser.close()
    return faults


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Look at a report in Chromium.")
    parser.add_argument("report", type=Path)
    parser.add_argument("--search", default="", help="what to type into the list of facts")
    parser.add_argument("--pictures", type=Path, help="folder for pictures")
    parser.add_argument("--figures", nargs="*", help="names of the figures to save; default: all")
    parser.add_argument("--scale", type=float, default=1.0, help="pixels per pixel of the page")
    parser.add_argument(
        "--chromium",
        default=CHROMIUM,
        help="the browser; default: what is installed, else playwright's own",
    )
    return parser.parse_args()


def _page(browser: Browser, screen: str, scale: float, faults: list[str]) -> Page:
    """A page that notes what the console says, and every request but the one for the report."""
    width, colours = SCREENS[screen]
    page = browser.new_page(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if colours == "dark" else "light",
        device_scale_factor=scale,
    )
    page.set_default_timeout(TIMEOUT_MS)
    page.on("console", lambda message: faults.append(f"{screen}: console: {message.text}"))
    page.on("pageerror", lambda error: faults.append(f"{screen}: {error}"))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("file:", "data:", "blob:"))
            else faults.append(f"{screen}: asks for {request.url}")
        ),
    )
    return page


def _undrawn(page: Page) -> list[str]:
    """Scroll to every figure; returns the names of those without a picture."""
    missing = []
    for figure in page.locator("figure").all():
        figure.scroll_into_view_if_needed()
        try:
            figure.locator(".chart[data-drawn] svg").wait_for()
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


def _unreadable(page: Page) -> Iterator[str]:
    """What a reader stumbles over: a page wider than the screen, and what axe calls serious."""
    width, screen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    if width > screen:
        yield f"{width} pixels wide on a screen of {screen}"
    for fault in Axe().run(page).response["violations"]:
        if fault["impact"] in SERIOUS:
            nodes = fault["nodes"]
            yield f"{fault['help']} ({len(nodes)} times): {nodes[0]['html'][:200]}"


def _save(page: Page, folder: Path, figures: list[str] | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # What stays at the top of the window would be in the pictures.
    page.add_style_tag(content=".switch { position: static !important; }")
    for figure in page.locator("figure").all():
        name = figure.get_attribute("id")
        if not figures or name in figures:
            figure.screenshot(path=folder / f"{name}.png")


def _top(page: Page) -> dict[str, float]:
    """The page without what is far below."""
    width = page.evaluate("innerWidth")
    return {"x": 0, "y": 0, "width": width, "height": 900}


if __name__ == "__main__":
    sys.exit(main())
