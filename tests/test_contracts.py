"""docs/contracts.md is what the program does: its tables are read and held against the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

import sl
from analyzer.cli.gate import EVENTS_FOUND
from analyzer.comparison import TRUTH
from analyzer.elsewhere.alerts import ALERTS
from analyzer.judging import calendar
from analyzer.judging.policy import FLOORS, classes_of, read_policy
from analyzer.kernels import rules
from analyzer.model import BANDS, RULES, Policy
from analyzer.outcome import EventVerdict, LabelVerdict
from analyzer.report import table
from analyzer.report.columns import CsvTable
from analyzer.tuning.sizes import SMALLEST
from analyzer.tuning.table import TUNING
from generator.logs import truth as logs
from traffic import errors, truth
from traffic.model import BITS, Kind, Metric

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "contracts.md").read_text()


def rows(heading: str) -> dict[str, str]:
    """The first two cells of the table whose header starts with `heading`."""
    return {first: second for first, second, *_ in cells(heading)}


def cells(heading: str) -> list[list[str]]:
    """The rows of the table whose header starts with `heading`."""
    tables = [block.splitlines() for block in PAGE.split("\n\n") if block.startswith("|")]
    split = [[[cell.strip() for cell in line[1:-1].split("|")] for line in lines] for lines in tables]
    found = [row for table in split if table[0][0] == heading for row in table[2:]]
    assert found, f"no table {heading!r} in docs/contracts.md"
    return found


@pytest.mark.parametrize(
    ("file", "columns"),
    [
        *((one.file, one.names) for one in (*table.TABLES, TUNING, SMALLEST, ALERTS)),
        (TRUTH, truth.COLUMNS),
        ("a calendar", calendar.COLUMNS),
        (logs.NAME, logs.COLUMNS),
    ],
)
def test_the_columns_of_a_file_are_those_of_the_page(file: str, columns: tuple[str, ...]) -> None:
    assert tuple(rows("file")[file].split(", ")) == columns


@pytest.mark.parametrize("one", [*table.TABLES, TUNING, SMALLEST, ALERTS], ids=lambda one: one.file)
def test_what_stands_in_a_column_is_what_the_page_says(one: CsvTable[Any]) -> None:
    said = cells(f"column of {one.file}")
    assert said == [[column.name, column.unit, column.meaning] for column in one.written]


def test_the_default_policy_is_the_page_and_the_file_people_edit_and_the_built_in_one() -> None:
    page = rows("setting")
    lengths = {name: 60 * int(re.fullmatch(r"(\d+)m", page[name])[1]) for name in ("rollup_width", "within", "merge")}  # type: ignore[index]
    words = {name: page[name] for name in ("slots", "baseline", "direction")}
    stated = Policy(
        rollup_percentile=float(page["rollup_percentile"]),
        percentile=float(page["percentile"]),
        over_percent=float(page["over_percent"]),
        over_units=float(page["over_units"]),
        matches=int(page["matches"]),
        floor=float(page["floor of bits"]),
        min_weeks=int(page["min_weeks"]),
        min_share=float(page["min_share"]),
        lookback=int(page["lookback"]),
        rare_weeks=float(page["rare_weeks"]),
        rules=tuple(page["rules"].split(", ")),
        classes=classes_of(page["classes"].split(", ")),
        under_percent=float(page["under_percent"]),
        missing_is_fallen=page["missing_is_fallen"] != "no",
        timezone=page["timezone"],
        calendar={"none": ()}[page["calendar"]],
        **lengths,  # type: ignore[arg-type]
        **words,  # type: ignore[arg-type]
    )
    assert read_policy(None, BITS, {}) == stated
    assert read_policy(ROOT / "input" / "policy.yaml", BITS, {}) == stated
    assert stated.multiple == 3.0
    other = Metric(name="load", field="load", statistic="avg")
    assert read_policy(ROOT / "input" / "policy.yaml", other, {}).floor == float(page["floor of any other metric"])
    assert set(FLOORS) == {"bits"}


def test_the_verdicts_and_kinds_are_those_of_the_page() -> None:
    assert set(rows("kind")) == set(get_args(Kind))
    assert set(rows("verdict of a label")) == set(get_args(LabelVerdict))
    assert set(rows("verdict of an event")) == {verdict for verdict in get_args(EventVerdict) if verdict}


def test_every_exit_code_has_its_line() -> None:
    codes = {c.exit_code for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.Failure)}
    codes |= {0, EVENTS_FOUND, sl.INTERRUPTED, sl.TERMINATED, sl.HUNG_UP}
    assert {int(code) for code in rows("code")} == codes


def test_every_rule_is_the_same_sentence_everywhere() -> None:
    assert tuple(rules.RULES) == RULES
    page = (ROOT / "docs" / "detection.md").read_text()
    for place in (page, (ROOT / "input" / "policy.yaml").read_text().replace("\n    # ", " ").replace("\n  # ", " ")):
        text = " ".join(place.split())
        for name, sentence in rules.RULES.items():
            assert name in text
            assert sentence in text, f"{name}: {sentence}"


def test_the_bands_are_those_of_the_page() -> None:
    said = PAGE.partition("| severity | 0 to 100")[2].partition("|")[0]
    for band, least in BANDS[:-1]:
        assert f"{band} from {least:g}" in said
    assert f"else {BANDS[-1][0]}" in said
