"""Log formats: real lines of each, read without an option, in `analyze` and for --metric."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.commands import ROOT
from tests.log_lines import ACCESS, APPLICATIONS, Real
from traffic.model import Query, Window, ceil_to, floor_to
from traffic.store import Columns, open_source
from traffic.store.files.database import Database
from traffic.store.files.log import LaidLog, Said
from traffic.store.files.log.reading import Reading, reading_of
from traffic.store.files.patterns import PATTERNS, TEXTS

FORMATS = ACCESS + APPLICATIONS


def laid(path: Path, **said: object) -> LaidLog:
    return LaidLog(str(path), [str(path)], Said(**said), Database(str(path), Columns()))  # type: ignore[arg-type]


def write(real: Real, folder: Path, lines: int = 3) -> Path:
    path = folder / "x.log"
    path.write_text(real.before + (real.line + "\n") * lines)
    return path


@pytest.mark.parametrize("real", FORMATS, ids=lambda real: real.name)
def test_a_real_line_says_what_it_says(real: Real, tmp_path: Path) -> None:
    log = laid(write(real, tmp_path))
    names = ("t", "ms", "error", "path", "method", "status", "level", "address", "agent", "referrer", "bytes", "key")
    rows = [dict(zip(names, row, strict=True)) for row in log.ask(f"SELECT {', '.join(names)} FROM lines")]
    assert len(rows) == 3
    row = rows[0]
    assert row.pop("ms") == (None if real.ms is None else pytest.approx(real.ms))
    assert row.pop("t") == pytest.approx(real.seconds)
    expected = {name: getattr(real, name) for name in names if name not in ("t", "ms", "error")}
    assert row == {**expected, "error": int(real.error)}
    assert (log.account.read, log.account.bad, log.account.used) == (3, 0, 3)
    assert log.told is not None
    assert real.told in log.told


@pytest.mark.parametrize("real", FORMATS, ids=lambda real: real.name)
def test_a_metric_of_a_real_line_is_counted(real: Real, tmp_path: Path) -> None:
    path = write(real, tmp_path)
    for metric, value in (("requests", 3.0), ("errors", 3.0 * real.error), ("latency", real.ms)):
        if value is None:
            continue
        source = open_source(str(path), Columns(preset=metric))
        window = Window(floor_to(int(real.seconds), 60), ceil_to(int(real.seconds) + 1, 60))
        assert list(source.keys(window)) == [real.key]
        found = source.series(Query(source.metric, (real.key,), window, 60)).values
        np.testing.assert_allclose(found, [[value]])
        coverage = source.coverage(window, window)
        assert (coverage.rows, coverage.used) == (3, 3)
        coverage.check(source.name)


def test_twelve_access_logs_of_twelve_are_read() -> None:
    assert len(ACCESS) >= 12


@pytest.mark.parametrize("real", ACCESS, ids=lambda real: real.name)
def test_a_line_that_is_cut_is_counted_as_such(real: Real, tmp_path: Path) -> None:
    path = write(replace(real, line=real.line), tmp_path, 200)
    with path.open("a") as file:
        file.write("no such thing\n")
    log = laid(path)
    assert (log.account.read, log.account.bad, log.account.used) == (201, 1, 200)
    line = 201 + real.before.count("\n")
    assert f"line {line} of {path}" in log.account.example.replace(",", "")


def test_the_page_shows_every_format_that_is_read() -> None:
    page = (ROOT / "docs" / "log-discovery.md").read_text()
    for real in FORMATS:
        assert f"| {real.name} | `" in page
        assert real.line.replace("|", "\\|").replace("\t", " ⇥ ") in page
    shown = {line.split(" | `")[0].removeprefix("| ") for line in page.splitlines() if " | `" in line and "` |" in line}
    assert {real.name for real in FORMATS} <= shown


def test_every_pattern_has_a_real_line() -> None:
    used = {reading.pattern for real in FORMATS if (reading := reading_of(real.before + real.line + "\n")) is not None}
    assert {*PATTERNS, *TEXTS} - used <= {"klog", "level-first"}
    for name, line in (
        ("klog", "E0106 00:00:01.123456    1234 file.go:12] boom\n"),
        ("level-first", "ERROR 2025-01-06 00:00:01,123 [main] boom\n"),
    ):
        assert reading_of(line) == Reading("pattern", name)
