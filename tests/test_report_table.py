"""The CSV files of a run, and a run's findings rebuilt from its files."""

import csv
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.model import Contributor, Findings, NotJudged, OtherPolicy
from analyzer.outcome import Verdict
from analyzer.report.columns import number
from analyzer.report.order import worst_first
from analyzer.report.saved import RUN, SERIES, describe, load, save
from analyzer.report.table import (
    COMPARISON,
    CONTRIBUTORS,
    EVENTS,
    NOT_JUDGED,
    SUPPRESSED,
    TABLES,
    as_written,
    event_rows,
    made,
    read_comparison,
    write_tables,
)
from tests.findings_maker import NASTY_KEYS, make_event, make_findings
from tests.golden_file import golden
from traffic.errors import StorageFailure
from traffic.text import uncell
from traffic.times import iso


def nasty() -> Findings:
    findings = make_findings(24, keys=NASTY_KEYS, seed=5)
    made_of = Contributor(findings.events[0].id, "key", "=x", actual=2.0, usual=1.0, excess=1.0, share=0.5, new="yes")
    rest = Contributor(findings.events[0].id, "key", "(others)", actual=0.0, usual=0.0, excess=0.0, share=0.5)
    other = OtherPolicy(
        *("=live", "kentik", 3, 6, 0, 12, 40, 41.25),
        worst_key="@home",
        worst_per_week=2.0,
        median_delay=None,
        never_looked_at=412,
        series=437,
        not_emulated="its filters are not applied; weekends are in UTC",
    )
    return replace(findings, contributors=(made_of, rest), elsewhere=(other,))


def write_run(findings: Findings, folder: Path) -> None:
    """All files that `load` reads, as a run writes them."""
    write_tables(findings, folder)
    save(findings, folder)
    (folder / RUN).write_text(json.dumps({"findings": describe(findings)}))


@pytest.mark.parametrize("name", [EVENTS.file, COMPARISON.file, NOT_JUDGED.file, SUPPRESSED.file])
def test_tables_are_the_golden_ones(name, tmp_path):
    write_tables(nasty(), tmp_path)
    golden(name, (tmp_path / name).read_bytes())


def test_tables_have_the_columns_of_the_contract(tmp_path):
    findings = nasty()
    write_tables(findings, tmp_path)
    for table in TABLES:
        assert tuple(pd.read_csv(tmp_path / table.file).columns) == table.names
    assert CONTRIBUTORS.read(tmp_path / CONTRIBUTORS.file)[0]["value"] == "=x"
    write_tables(replace(findings, contributors=()), tmp_path)
    assert not (tmp_path / CONTRIBUTORS.file).exists(), "of another run"


def test_any_csv_reader_sees_the_keys_behind_their_escape(tmp_path):
    findings = nasty()
    write_tables(findings, tmp_path)
    with (tmp_path / EVENTS.file).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [uncell(row["key"]) for row in rows] == [event.key for event in findings.events]
    assert not [row["key"] for row in rows if row["key"][0] in "=+-@\t\r"]
    assert "\r" not in (tmp_path / EVENTS.file).read_text(encoding="utf-8")


def test_without_a_truth_the_columns_stay_and_an_old_comparison_goes(tmp_path):
    write_tables(make_findings(3), tmp_path)
    assert (tmp_path / COMPARISON.file).exists()
    written = write_tables(make_findings(3, truth=False), tmp_path)
    assert not (tmp_path / COMPARISON.file).exists()
    assert tmp_path / COMPARISON.file not in written
    rows = pd.read_csv(tmp_path / EVENTS.file, keep_default_na=False)
    assert tuple(rows.columns) == EVENTS.names
    assert set(rows["verdict"]) == set(rows["label_id"]) == {""}


def test_a_verdict_on_nothing_is_still_a_comparison(tmp_path):
    findings = replace(make_findings(0), verdict=Verdict((), {}), labels=())
    write_tables(findings, tmp_path)
    assert (tmp_path / COMPARISON.file).read_text() == ",".join(COMPARISON.names) + "\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (0.1 + 0.2, "0.3"),
            (1 / 3, "0.3333333333"),
            (12345678901, "12345678900"),
        ],
        *[(8.5e15, "8500000000000000"), (1e-7, "0.0000001"), (-2.5, "-2.5"), (1e300, "1e+300"), (float("nan"), "")],
    ],
)
def test_number(value, text):
    assert number(value) == text


@given(st.floats(min_value=1e-12, max_value=1e21))
def test_the_last_bits_do_not_show(value):
    text = number(value)
    assert "e" not in text
    assert float(text) == pytest.approx(value, rel=1e-9)
    # Where the tenth digit is not on the edge, a neighbour reads the same.
    if float(f"{value:.14g}") == float(f"{value:.10g}"):
        assert number(float(np.nextafter(value, np.inf))) == text


def test_what_was_written_is_read_back(tmp_path):
    findings = nasty()
    write_tables(findings, tmp_path)
    rows = EVENTS.read(tmp_path / EVENTS.file)
    whole = ("id", "key", "start", "end", "detected")
    assert [[row[name] for name in whole] for row in rows] == [
        [getattr(event, name) for name in whole] for event in findings.events
    ]
    assert [row["ratio"] for row in rows] == [pytest.approx(event.ratio, rel=1e-9) for event in findings.events]
    verdict = findings.verdict
    assert verdict
    assert {row["id"]: (row["verdict"], row["label_id"]) for row in rows} == verdict.of_event
    assert read_comparison(tmp_path / COMPARISON.file) == verdict.outcomes
    assert tuple(made(NotJudged, row) for row in NOT_JUDGED.read(tmp_path / NOT_JUDGED.file)) == findings.not_judged


@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=6, unique=True))
def test_any_key_survives(tmp_path_factory, keys):
    folder = tmp_path_factory.mktemp("keys")
    events = tuple(make_event(key, 1_790_000_000 // 60 * 60) for key in sorted(keys))
    write_tables(replace(make_findings(0, truth=False), events=events), folder)
    assert [row["key"] for row in EVENTS.read(folder / EVENTS.file)] == sorted(keys)


def test_a_lone_surrogate_does_not_spoil_the_file(tmp_path):
    write_tables(replace(make_findings(0), events=(make_event("a\ud800b", 1_790_000_040),)), tmp_path)
    assert pd.read_csv(tmp_path / EVENTS.file)["key"].tolist() == ["a\\ud800b"]


@pytest.mark.parametrize("truth", [True, False])
def test_findings_come_back_from_their_files(tmp_path, truth):
    findings = make_findings(40, truth=truth, keys=NASTY_KEYS)
    write_run(findings, tmp_path)
    again = load(tmp_path)
    for name in (
        "store",
        "metric",
        "window",
        "resolution",
        "policy",
        "keys",
        "not_judged",
        "suppressed",
        "labels",
        "verdict",
    ):
        assert getattr(again, name) == getattr(findings, name)
    assert [as_written(event) for event in again.events] == [as_written(event) for event in findings.events]
    traces = {trace.event_id: trace for trace in findings.traces}
    assert [trace.event_id for trace in again.traces] == [
        event.id for event in worst_first(findings.events) if event.id in traces
    ]
    for trace in again.traces:
        assert trace.grid == traces[trace.event_id].grid
        assert trace.weeks == traces[trace.event_id].weeks
        for name in ("values", "usual", "baseline", "threshold", "hourly"):
            assert np.array_equal(getattr(trace, name), getattr(traces[trace.event_id], name), equal_nan=True)


def test_files_that_are_rebuilt_and_written_again_are_the_same(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    write_run(nasty(), one)
    write_run(load(one), other)
    for name in (*(table.file for table in TABLES), SERIES, RUN):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_series_are_byte_stable(tmp_path):
    first = save(nasty(), tmp_path).read_bytes()
    assert save(nasty(), tmp_path).read_bytes() == first


def test_a_run_without_events_comes_back(tmp_path):
    write_run(make_findings(0, truth=False), tmp_path)
    assert load(tmp_path).events == ()


@pytest.mark.parametrize("name", [*(table.file for table in TABLES), SERIES, RUN])
@pytest.mark.parametrize("damage", ["gone", "empty", "half", "last line", "noise", "folder"])
def test_a_damaged_run_is_one_line(tmp_path, name, damage):
    write_run(nasty(), tmp_path)
    path = tmp_path / name
    whole = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "gone":
        lines = b"".join(whole.splitlines(keepends=True)[:-1])
        left = {"empty": b"", "half": whole[: len(whole) // 2], "last line": lines, "noise": bytes(range(256)) * 4}
        path.write_bytes(left[damage])
    with pytest.raises(StorageFailure, match="run discover again") as failure:
        load(tmp_path)
    assert name in str(failure.value)
    assert "\n" not in str(failure.value)


def test_files_of_two_runs_do_not_make_one(tmp_path):
    write_run(nasty(), tmp_path)
    write_tables(make_findings(24, keys=NASTY_KEYS, seed=6), tmp_path)
    with pytest.raises(StorageFailure, match="run discover again"):
        load(tmp_path)


def test_worst_first_is_by_severity_then_excess_then_start_then_key():
    events = [make_event("b", 1_790_000_040), make_event("a", 1_790_000_040), make_event("c", 1_790_000_100, ratio=9)]
    assert [event.key for event in worst_first(events)] == ["c", "a", "b"]


@pytest.mark.slow
def test_a_hundred_thousand_events_are_written_and_read_in_seconds(tmp_path):
    event = make_event("customer", 1_790_000_040)
    events = tuple(replace(event, id=f"{i:012x}", start=event.start + 60 * i) for i in range(100_000))
    began = time.process_time()
    write_tables(replace(make_findings(0), events=events), tmp_path)
    assert len(EVENTS.read(tmp_path / EVENTS.file)) == 100_000
    assert time.process_time() - began < 8


def test_a_table_is_written_in_pieces_of_some_rows(tmp_path):
    findings = make_findings(2300, traces=0)
    pieces = list(EVENTS.pieces(event_rows(findings)))
    lines = [piece.count(b"\n") for piece in pieces]
    assert lines == [1000, 1000, len(findings.events) + 1 - 2000]
    assert b"".join(pieces) == EVENTS.encode(event_rows(findings))
    write_tables(findings, tmp_path)
    assert (tmp_path / EVENTS.file).read_bytes() == b"".join(pieces)


@given(st.integers(-(10**10), 10**11))
def test_times_are_written_as_the_calendar_has_them(time):
    assert iso(time) == datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
