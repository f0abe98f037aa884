"""The page of a run in a real browser: how soon it is there, and how large its data are."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, sync_playwright

from analyzer.report.page import write_page
from tests.findings_maker import make_findings
from tests.required import program

POINTS = 100_000
ROUNDS = 5

_CHOOSE = """async (id) => {
  const begun = performance.now();
  location.hash = id;
  const chart = document.getElementById("chart");
  while (chart.dataset.event !== id) await new Promise(requestAnimationFrame);
  return performance.now() - begun;
}"""


def report() -> str:
    """The table."""
    rows = []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(
            executable_path=program("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        for count in (140, 2000):
            findings = make_findings(count, traces=count)
            points = sum(trace.values.size for trace in findings.traces)
            path = write_page(findings, made(Path(folder), str(count)), "bench")
            bare = write_page(make_findings(count, traces=0), made(Path(folder), f"{count}-bare"), "bench")
            data = path.stat().st_size - bare.stat().st_size
            loaded, chosen = times(browser, path, [event.id for event in findings.events][:ROUNDS])
            size = f"{path.stat().st_size / 1000:,.0f} | {data / points * POINTS / 1000:,.0f}"
            rows.append(f"| {count:,} | {points:,} | {size} | {loaded:,.0f} | {chosen:,.0f} |")
        browser.close()
    head = "| events | points | page, kB | kB per 100,000 points | opened, ms | an event drawn, ms |"
    return "\n".join(
        [
            f"Events that were made up, all with their series; headless chromium, median of {ROUNDS}. Opened: from the",
            "address to lanes and table on the screen; drawn: from a click to the chart.",
            "",
            head,
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            "Asked: 250 kB per 100,000 points; as a guide, 200 ms for the first drawing of 100,000 points.",
            "",
        ]
    )


def times(browser: Browser, path: Path, events: list[str]) -> tuple[float, float]:
    """Medians in milliseconds: to open the page, and to draw an event that was chosen."""
    loaded, chosen = [], []
    for event in events:
        shown = browser.new_page(viewport={"width": 1100, "height": 1000})
        shown.goto(path.as_uri())
        loaded.append(shown.evaluate("() => performance.getEntriesByType('navigation')[0].loadEventEnd"))
        chosen.append(shown.evaluate(_CHOOSE, event))
        shown.close()
    return median(loaded), median(chosen)


def made(folder: Path, name: str) -> Path:
    """A folder of that name."""
    (folder / name).mkdir()
    return folder / name
