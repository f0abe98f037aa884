"""analysis.html: the figures of the tables, one file, every text escaped, nothing for axe to find."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from analyzer.log_summary.page import HIGH, PAGE, WIDE, _outline, page
from analyzer.log_summary.summary import analyse
from tests.browser import Scheme, checked_by_axe, opened_file
from tests.commands import sl, well
from tests.logs_made import json_lines, make_lines
from traffic.access_log import LogColumns
from traffic.model import Floats
from traffic.store import open_log


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    (folder / "lines.ndjson").write_text(json_lines(make_lines()))
    well(sl("analyze", folder / "lines.ndjson", "--output", folder, "--no-charts"))
    return folder / "analysis"


def test_it_says_what_the_tables_say(browser: Browser, folder: Path) -> None:
    with (folder / "endpoints.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
        # A spreadsheet's formula is behind an apostrophe in the file, and just text in the page.
        expected = [(row["endpoint"].removeprefix("'"), f"{int(row['requests']):,}") for row in rows]
    with opened_file(browser, folder / PAGE) as shown:
        section = shown.locator("section", has=shown.get_by_role("heading", name="Endpoints", exact=True))
        table = section.locator("table")
        told = table.locator("tbody tr").evaluate_all("all => all.map(one => [...one.cells].map(c => c.textContent))")
        assert [(row[0], row[1]) for row in told] == expected[:20]
        table.get_by_role("button", name="requests").click()
        table.get_by_role("button", name="requests").click()
        counts = table.locator("td:nth-child(2)").evaluate_all("all => all.map(one => Number(sorted(one)))")
        assert counts == sorted(counts)
        assert shown.locator("svg.curve").count() == 2


@pytest.mark.parametrize(("width", "scheme"), [(1000, "light"), (375, "dark")])
def test_axe_finds_nothing_in_it(width: int, scheme: Scheme, browser: Browser, folder: Path) -> None:
    with checked_by_axe(browser, (folder / PAGE).as_uri(), width, scheme) as shown:
        wide = shown.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1], "only tables and drawings scroll sideways"


def test_hostile_paths_are_text(tmp_path: Path) -> None:
    line = (
        '10.0.0.1 - - [07/Sep/2026:10:00:00 +0000] "GET /<script>alert(1)</script> HTTP/1.1" 404 12 "-" "<img src=x>"'
    )
    (tmp_path / "access.log").write_text(f"{line}\n" * 3)
    text = page(analyse(open_log(str(tmp_path / "access.log"), LogColumns()), None, None, 20, 20)).decode()
    assert "<img" not in text
    assert len(re.findall("<script>", text)) == 1
    assert "&lt;script&gt;alert(1)" in text


def test_a_run_without_it_leaves_none(folder: Path, tmp_path: Path) -> None:
    well(sl("analyze", folder.parent / "lines.ndjson", "--output", tmp_path, "--no-charts", "--no-html"))
    assert not (tmp_path / "analysis" / PAGE).exists()


@pytest.mark.parametrize(
    ("values", "tops"),
    [
        ([1.0, 2.0], [HIGH / 2, 0.0]),
        ([0.0], [HIGH]),
        ([float("nan"), 4.0], [HIGH, 0.0]),
        ([0.0] * (2 * WIDE - 1) + [5.0], [HIGH] * (WIDE - 1) + [0.0]),
    ],
)
def test_an_outline_shows_the_highest_of_what_shares_a_column(values: list[float], tops: list[float]) -> None:
    array: Floats = np.array(values)
    points = [tuple(map(float, point.split(","))) for point in _outline(array, float(np.nanmax(array))).split()]
    assert [point[1] for point in points[1:-1:2]] == pytest.approx(tops)
    assert [points[0], points[-1]] == [(0, HIGH), (WIDE, HIGH)]
