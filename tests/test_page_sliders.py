"""The sliders of report.html say what discover finds with that policy."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser

import sl as python
from analyzer.cli.report import report
from analyzer.model import Findings
from analyzer.report.page import PAGE
from analyzer.report.saved import load
from tests.browser import checked_by_axe, opened_file
from tests.commands import sl, well

WORLD = ("--customers", "8", "--start", "2026-09-07", "--end", "2026-10-12")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sliders")
    for command in (
        ("generate", "--store", "traffic", *WORLD),
        ("discover", "--store", "traffic", "--charts", "0"),
        ("report", "--charts", "0", "--sliders", "--explain", "2"),
    ):
        well(sl(*command, "--output", ".", "-q", cwd=folder))
    return folder


def test_ten_policies_are_what_discover_finds_with_them(browser: Browser, run: Path) -> None:
    with opened_file(browser, run / PAGE) as shown:
        percents, floors = shown.evaluate("() => [sliders.percents, sliders.floors]")
        assert len(percents) * len(floors) >= 10
        places = [divmod(place * (len(percents) * len(floors) - 1) // 9, len(floors)) for place in range(10)]
        for p, f in places:
            percent, floor = float(percents[p].split()[0]), floors[f]
            shown.evaluate(f"() => {{ find('percent').value = {p}; find('floor').value = {f}; return judgeAgain(); }}")
            said = shown.locator("#again").inner_text()
            least = 0.0 if floor == "none" else _bits(floor)
            found = python.discover(run / "traffic", output=run, policy={"over_percent": percent, "floor": least})
            assert found.scores
            raised = int((found.events["class"] == "policy").sum())
            hits, misses = found.scores["hits"], found.scores["misses"]
            assert said.startswith(f"{raised} alerts, "), (percent, floor, said)
            assert f"hits {hits} of {hits + misses}, " in said
            assert f"false alarms {found.scores['false_alarms']}" in said


def test_a_report_with_steps_reads_the_run_once(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def counted(folder: Path) -> Findings:
        read.append(folder)
        return load(folder)

    monkeypatch.setattr("analyzer.report.saved.load", counted)
    monkeypatch.chdir(run)
    before = (run / PAGE).read_bytes()
    done = CliRunner().invoke(report, ["--output", ".", "--charts", "0", "--sliders", "--explain", "2", "-q"])
    assert done.exit_code == 0, done.output
    assert read == [Path()]
    assert (run / PAGE).read_bytes() == before


def _bits(text: str) -> float:
    number, unit = text.split()
    return float(number) * {"b/s": 1, "kb/s": 1e3, "Mb/s": 1e6, "Gb/s": 1e9}[unit]


def test_a_stricter_policy_pales_events_and_the_way_back_is_a_button(browser: Browser, run: Path) -> None:
    with opened_file(browser, run / PAGE) as shown:
        assert "the run's own policy" in shown.locator("#again").inner_text()
        assert shown.locator("tr.lost").count() == 0
        shown.locator("#percent").focus()
        shown.keyboard.press("End")
        shown.locator("tr.lost").first.wait_for()
        assert shown.locator("svg.lanes .again").count() < shown.locator("svg.lanes a.event").count()
        shown.get_by_role("button", name="Back to the run's policy").press("Enter")
        shown.get_by_text("the run's own policy").wait_for()
        assert shown.locator("tr.lost").count() == 0
        assert shown.locator("svg.lanes .again").count() == 0


def test_axe_finds_nothing_in_a_page_with_all_of_it(browser: Browser, run: Path) -> None:
    with checked_by_axe(browser, (run / PAGE).as_uri()) as shown:
        shown.get_by_role("button", name="Next").click()
        shown.locator("#steps-of summary").click()
        assert "Severity" in shown.locator("#steps-of pre").inner_text()
