"""docs/pictures/report*.png: the page of a run, as a browser shows it. `python -m bench.screenshots REPORT.HTML`"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.required import program

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"
WIDTH = 1100


def main(report: Path) -> None:
    """The top of the page, and the worst event below it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        shown = browser.new_page(viewport={"width": WIDTH, "height": 1000})
        shown.goto(report.resolve().as_uri())
        shown.screenshot(path=PICTURES / "report.png")
        worst = shown.locator("#events tbody tr").first.get_attribute("id")
        shown.evaluate(f"() => {{ location.hash = '{worst}' }}")
        shown.locator(f"#chart[data-event='{worst}']").wait_for()
        shown.locator("#event").screenshot(path=PICTURES / "report_event.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
