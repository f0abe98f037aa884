"""`analyze`: what it counts, held against a slow twin, what it writes and draws, and what is not valid."""

from __future__ import annotations

import csv
import json
import signal
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from analyzer.log_summary import analyse
from analyzer.log_summary.summary import EDGES, fence
from analyzer.log_summary.tables import write_tables
from analyzer.log_summary.terminal import summary
from tests.commands import sl, start
from tests.conformance import MONDAY
from tests.golden_file import golden
from tests.logs_made import Line, combined_lines, csv_lines, ecs_lines, json_lines, make_lines, plain_lines
from traffic.access_log import LogColumns, Spread, Top
from traffic.errors import UsageFailure
from traffic.model import HOUR
from traffic.store import open_log
from traffic.store.base import NoSuchStore

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def lines() -> list[Line]:
    return make_lines()


@pytest.fixture(scope="module")
def path(lines: list[Line], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "lines.ndjson"
    path.write_text(json_lines(lines))
    return path


def test_every_figure_is_what_counting_by_hand_gives(path: Path, lines: list[Line]) -> None:
    found = analyse(open_log(str(path), LogColumns()), None, None, top=3, latest=5)
    errors = [line for line in lines if line.status >= 500]
    assert (found.requests, found.errors) == (len(lines), len(errors))
    hours = Counter(int(line.time) // HOUR * HOUR for line in lines)
    assert found.traffic.requests.tolist() == [hours[hour] for hour in found.traffic.grid.times().tolist()]
    wrong = Counter(int(line.time) // HOUR * HOUR for line in errors)
    assert found.traffic.errors is not None
    assert found.traffic.errors.tolist() == [wrong[hour] for hour in found.traffic.grid.times().tolist()]
    statuses = Counter(str(line.status) for line in lines)
    assert {count.value: count.requests for count in found.counted["status"].counts} == statuses
    endpoints = Counter(line.endpoint for line in lines if line.endpoint)
    assert found.endpoints is not None
    top = sorted(endpoints.items(), key=lambda one: (-one[1], one[0]))
    assert [(count.value, count.requests) for count in found.endpoints.counts] == top[:3]
    assert found.endpoints.others == sum(requests for _, requests in top[3:])
    assert found.endpoints.without == sum(not line.endpoint for line in lines)
    assert [line.time for line in found.latest] == sorted((line.time for line in lines), reverse=True)[:5]


def test_response_times_are_exact_in_files(path: Path, lines: list[Line]) -> None:
    found = analyse(open_log(str(path), LogColumns()), None, None, top=3, latest=0)
    took = np.array([line.milliseconds for line in lines if line.milliseconds is not None])
    assert found.latency is not None
    assert found.latency.requests == len(took)
    shown = [found.latency.mean, found.latency.p25, found.latency.p50, found.latency.p95, found.latency.p99]
    np.testing.assert_allclose(shown, [took.mean(), *np.percentile(took, (25, 50, 95, 99))])
    inner = np.histogram(took, [-np.inf, *EDGES, np.inf])[0]
    assert found.histogram.tolist() == inner.tolist()
    assert found.histogram.sum() == len(took)


def test_an_outlier_is_far_above_its_own_endpoint(path: Path, lines: list[Line]) -> None:
    found = analyse(open_log(str(path), LogColumns()), None, None, top=3, latest=0)
    of_endpoint: dict[str, list[float]] = {}
    for line in lines:
        if line.milliseconds is not None:
            of_endpoint.setdefault(line.endpoint, []).append(line.milliseconds)
    expected: dict[str, int] = {}
    for endpoint, took in of_endpoint.items():
        if endpoint and len(took) >= 20:
            p25, p75 = np.percentile(took, (25, 75))
            above = sum(value > p75 * max(2, (p75 / p25) ** 3) for value in took)
            expected |= {endpoint: above} if above else {}
    assert {name: count for name, count in found.outliers.items() if name} == expected
    # The slow report is as usual; the same time is far too long for the health check.
    assert "/report" not in found.outliers
    assert found.outliers["/health"] == 4
    assert [line.endpoint for line in found.slowest[:4]].count("/health") == 4


@pytest.mark.parametrize(
    ("spread", "limit"),
    [
        (Spread(100, p25=100, p75=200), 1600.0),
        (Spread(100, p25=100, p75=101), 202.0),
        (Spread(100, p25=0, p75=200), np.inf),
        (Spread(100, p25=-5, p75=200), np.inf),
        (Spread(0), np.inf),
    ],
)
def test_the_rule_of_outliers(spread: Spread, limit: float) -> None:
    assert fence(spread) == limit


def counts_of(top: Top) -> list[tuple[str, int, int | None]]:
    """Without bytes, which not every format says."""
    return [(count.value, count.requests, count.errors) for count in top.counts]


@pytest.mark.parametrize(
    ("make", "name", "timed"),
    [
        (ecs_lines, "ecs.ndjson", True),
        (csv_lines, "web.csv", True),
        (combined_lines, "access.log", False),
    ],
)
def test_all_formats_say_the_same(
    path: Path, lines: list[Line], tmp_path: Path, make: object, name: str, timed: bool
) -> None:
    (tmp_path / name).write_text(make(lines))  # type: ignore[operator]
    ours = analyse(open_log(str(path), LogColumns()), None, None, top=9, latest=0)
    theirs = analyse(open_log(str(tmp_path / name), LogColumns()), None, None, top=9, latest=0)
    assert theirs.traffic.requests.tolist() == ours.traffic.requests.tolist()
    assert counts_of(theirs.counted["status"]) == counts_of(ours.counted["status"])
    assert ours.endpoints is not None
    assert theirs.endpoints is not None
    assert counts_of(theirs.endpoints) == counts_of(ours.endpoints)
    assert (theirs.latency is not None) == timed
    if timed:
        assert theirs.latency is not None
        assert ours.latency is not None
        assert theirs.latency.p95 == pytest.approx(ours.latency.p95)
        assert theirs.outliers == ours.outliers


def test_the_text_of_logs_says_what_it_can(path: Path, lines: list[Line], tmp_path: Path) -> None:
    (tmp_path / "lines.log").write_text(plain_lines(lines))
    ours = analyse(open_log(str(path), LogColumns()), None, None, top=9, latest=0)
    theirs = analyse(open_log(str(tmp_path / "lines.log"), LogColumns()), None, None, top=9, latest=0)
    assert theirs.endpoints is None
    for role in ("service", "status", "level"):
        assert theirs.counted[role].counts == ours.counted[role].counts
    assert theirs.traffic.requests.tolist() == ours.traffic.requests.tolist()
    assert theirs.histogram.tolist() == ours.histogram.tolist()


def test_a_window_leaves_out_what_lies_before_and_after(path: Path, lines: list[Line]) -> None:
    found = analyse(open_log(str(path), LogColumns()), MONDAY + 7200, MONDAY + 9000, top=3, latest=3)
    inside = [line for line in lines if MONDAY + 7200 <= line.time < MONDAY + 9000]
    assert found.requests == len(inside)
    assert found.latest[0].time == max(line.time for line in inside)


def test_the_files_are_the_same_bytes_from_run_to_run(path: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_tables(analyse(open_log(str(path), LogColumns()), None, None, 9, 9), tmp_path / name)
    files = sorted(file.name for file in (tmp_path / "one").iterdir())
    assert len(files) == 12
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_tables_are_those_that_were_looked_at(path: Path, tmp_path: Path) -> None:
    write_tables(analyse(open_log(str(path), LogColumns()), None, None, 4, 3), tmp_path)
    for name in ("traffic", "endpoints", "statuses", "outliers", "latest", "not_found", "clients", "time_of_day"):
        golden(f"analysis_{name}.csv", (tmp_path / f"{name}.csv").read_bytes())


def test_what_analyze_writes_and_says(path: Path, lines: list[Line], tmp_path: Path) -> None:
    (tmp_path / "analysis").mkdir()
    done = sl("analyze", "--store", str(path), "--output", str(tmp_path), "--latest", "40")
    assert done.code == 0, done.err
    assert f"{len(lines):,} requests in" in done.out
    assert "timestamp (time)" in done.err
    assert all(len(line) <= 100 for line in done.out.splitlines())
    folder = tmp_path / "analysis"
    pictures = [file for file in folder.iterdir() if file.suffix == ".png"]
    assert {file.name for file in pictures} == {"traffic.png", "shares.png", "response_times.png"}
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in pictures)
    with (folder / "traffic.csv").open(newline="") as file:
        assert sum(int(row["requests"]) for row in csv.DictReader(file)) == len(lines)
    with (folder / "endpoints.csv").open(newline="") as file:
        rows = {row["endpoint"]: row for row in csv.DictReader(file)}
    assert rows["'=cmd()"]["requests"] == "5"
    assert len((folder / "latest.csv").read_text().splitlines()) == 41
    # Without response times, what an earlier run wrote of them is gone.
    again = sl("analyze", "--store", str(path), "--output", str(tmp_path), "--field", "latency=", "--no-charts", "-q")
    assert (again.code, again.out, again.err) == (0, "", "")
    assert not (folder / "outliers.csv").exists()


def test_json_says_the_same(path: Path, lines: list[Line], tmp_path: Path) -> None:
    done = sl("analyze", "--store", str(path), "--output", str(tmp_path), "--json", "--no-charts", "--top", "2")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["requests"] == len(lines) == sum(hour["requests"] for hour in found["hours"])
    assert len(found["endpoint"]["values"]) == 2
    assert found["response_times"]["exact"] is True
    outliers = found["response_times"]["outliers"]
    assert outliers["requests"] == sum(one["requests"] for one in outliers["by_endpoint"])


def test_a_terminal_shows_nothing_hidden(tmp_path: Path) -> None:
    nasty = [Line(MONDAY + 0.5, "a\x1b[31m\u202eb", "/\n", "GET", 200, "INFO", -5.0, "x")]
    (tmp_path / "log.ndjson").write_text(json_lines(nasty))
    found = analyse(open_log(str(tmp_path / "log.ndjson"), LogColumns()), None, None, 5, 5)
    said = summary(found, 80)
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert found.histogram[0] == 1  # a response time below zero is counted, and in no picture's way


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("--field", "colour=red"), 2, "ROLE is one of"),
        (("--field", "latency"), 2, "write ROLE=NAME"),
        (("--field", "latency=took"), 2, "no column took (--field latency=)"),
        (("--field", "latency=service"), 2, "is not a valid number"),
        (("--field", "time=service"), 2, "is not a valid time"),
        (("--where", "nonsense > 1"), 2, "--where uses nonsense"),
        (("--errors", "status_code >"), 2, "is not a valid condition"),
        (("--filter", "f.json"), 2, "for an Elasticsearch index (for files, use --where): leave out --filter"),
        (("--start", "2031-01-01"), 2, "has no data from"),
        (("--start", "2025-01-07", "--end", "2025-01-06"), 2, "the window ends before it starts"),
        (("--scale", "0"), 2, "x>0"),
        (("--scale", "inf"), 2, "'inf' is not a valid number"),
        (("--latest", "2000000"), 2, "--latest"),
    ],
)
def test_what_cannot_be_meant_is_told_in_a_line(
    path: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, line: str
) -> None:
    done = sl("analyze", "--store", str(path), "--output", str(tmp_path), "-q", "--no-charts", *arguments)
    assert done.code == code
    assert line in done.err
    assert len(done.err.splitlines()) == 1
    assert "Traceback" not in done.err


def test_stores_that_hold_no_lines_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageFailure, match="contains no log lines:"):
        open_log("kentik:", LogColumns())
    with pytest.raises(NoSuchStore, match="no file"):
        open_log(str(tmp_path / "nothing.log"), LogColumns())
    (tmp_path / "empty.csv").write_text("timestamp,status\n")
    with pytest.raises(NoSuchStore, match="no lines"):
        open_log(str(tmp_path / "empty.csv"), LogColumns())
    (tmp_path / "timeless.csv").write_text("who,status\nme,200\n")
    with pytest.raises(UsageFailure, match="--field time=NAME"):
        open_log(str(tmp_path / "timeless.csv"), LogColumns())


def test_ctrl_c_in_the_midst_of_a_query_ends_it_in_order(lines: list[Line], tmp_path: Path) -> None:
    # So many that they are read for a while.
    (tmp_path / "log.ndjson").write_text(json_lines(lines[:1000]) * 500)
    process = start("analyze", "--store", str(tmp_path / "log.ndjson"), TMPDIR=str(tmp_path), SL_OUTPUT=str(tmp_path))
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("sl-*/*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said.splitlines()) == (130, ["sl: stopped"])
    assert not list(tmp_path.glob("sl-*"))


def test_lines_that_are_not_understood_are_counted_and_shown(lines: list[Line], tmp_path: Path) -> None:
    log = combined_lines(lines) + "what is this\n"
    (tmp_path / "access.log").write_text(log)
    (remark,) = open_log(str(tmp_path / "access.log"), LogColumns()).remarks()
    assert remark.startswith(f"1 line of {len(lines) + 1:,} not recognised and left out")
    assert remark.endswith(f"line {len(lines) + 1:,} of {tmp_path}/access.log: 'what is this'")


def test_who_asks_and_where_from_is_counted_by_what_they_have_in_common(tmp_path: Path) -> None:
    agents = {
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36": 4,
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/121.0.0.0 Safari/537.36": 3,
        "kube-probe/1.29": 2,
        "-": 1,
    }
    lines = [
        f'192.0.2.{place} - - [06/Jan/2025:00:00:01 +0000] "GET /missing/{place} HTTP/1.1" 404 100 '
        f'"https://Search.example/?q={place}" "{agent}"\n'
        for agent, count in agents.items()
        for place in range(count)
    ]
    (tmp_path / "access.log").write_text("".join(lines))
    found = analyse(open_log(str(tmp_path / "access.log"), LogColumns()), None, None, 5, 0)
    assert [(one.value, one.requests) for one in found.counted["agent"].counts] == [("Chrome", 7), ("kube-probe", 2)]
    assert found.counted["agent"].without == 1
    assert [(one.value, one.requests) for one in found.counted["referrer"].counts] == [("search.example", 10)]
    assert found.not_found is not None
    assert [(one.value, one.requests) for one in found.not_found.counts] == [("/missing/{id}", 10)]
    first = found.counted["address"].counts[0]
    assert (first.value, first.requests, first.sent) == ("192.0.2.0", 4, 400)
    assert found.sent == 1000
    assert found.of_day().tolist() == [10, *[0] * 23]


def test_a_log_that_says_nothing_of_errors_has_no_number_of_them(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    path.write_text('{"time":"2025-01-06T00:00:00Z","level":"WHATEVER","service":"web"}\n')
    found = analyse(open_log(str(path), LogColumns()), None, None, 5, 0)
    assert found.errors is None
    said = summary(found, 100)
    assert "not counted: no status or level field found" in said
    assert "no level in level is known (WHATEVER)" in said
    assert "0 errors" not in said


def test_ninety_thousand_paths_are_a_few_endpoints(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with path.open("w") as file:
        for place in range(90_000):
            what = (f"orders/{place}", f"pages/some-slug-{place % 7919}x", "cart")[place % 3]
            file.write(f'192.0.2.1 - - [06/Jan/2025:00:00:01 +0000] "GET /api/{what} HTTP/1.1" 200 1 "-" "-"\n')
    found = analyse(open_log(str(path), LogColumns()), None, None, 9, 0)
    assert found.endpoints is not None
    assert {one.value: one.requests for one in found.endpoints.counts} == {
        "/api/cart": 30_000,
        "/api/orders/{id}": 30_000,
        "/api/pages/{...}": 30_000,
    }
    raw = open_log(str(path), LogColumns(raw_paths=True))
    assert raw.top("endpoint", raw.extent(), 1).counts[0].value == "/api/cart"
    assert raw.top("endpoint", raw.extent(), 1).others == 60_000
