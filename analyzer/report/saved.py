"""A run's findings in its own files, so that `report` draws everything again without a query.

The tables and run.json say almost all of it; `series.npz` adds what they do not: the series round the worst events, the
names of the keys, and of each event its direction, its breaches and the instant of its peak.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzer.model import (
    CalendarRow,
    Contributor,
    Event,
    Findings,
    Incident,
    NotJudged,
    OtherPolicy,
    Policy,
    Suppressed,
    Trace,
)
from analyzer.outcome import Verdict
from analyzer.report.columns import readable
from analyzer.report.machine import coverage, not_judged, scores
from analyzer.report.order import worst_first
from analyzer.report.table import (
    COMPARISON,
    CONTRIBUTORS,
    COVERAGE,
    ELSEWHERE,
    EVENTS,
    INCIDENTS,
    NOT_JUDGED,
    SUPPRESSED,
    made,
    read_comparison,
)
from traffic.coverage import CoverageRow, from_table
from traffic.disk import write_atomic
from traffic.model import HOUR, Grid, Metric, Window
from traffic.times import instant, iso

SERIES = "series.npz"
RUN = "run.json"

_FORMAT = 4
_LATER = {"contributors": 0, "key_hours": 0, "incidents": None, "elsewhere": 0}
"""What runs of before do not say."""
_ARRAYS = ("values", "usual", "baseline", "threshold")


def describe(findings: Findings) -> dict[str, Any]:
    """What run.json holds under "findings", as values for `json.dumps`; with the other files it is the whole run."""
    return {
        "format": _FORMAT,
        "store": findings.store,
        "metric": asdict(findings.metric),
        "window": [iso(findings.window.start), iso(findings.window.end)],
        "resolution": findings.resolution,
        "policy": asdict(findings.policy),
        "keys": len(findings.keys),
        "key_hours": findings.key_hours,
        "events": len(findings.events),
        "not_judged": len(findings.not_judged),
        "suppressed": len(findings.suppressed),
        "contributors": len(findings.contributors),
        "incidents": len(findings.incidents),
        "elsewhere": len(findings.elsewhere),
        "coverage": {
            "rows": len(list(findings.coverage.table())),
            "noun": findings.coverage.noun,
            "held": findings.coverage.held,
            "read": findings.coverage.read,
            "changed": findings.coverage.changed,
            "notes": findings.coverage.notes,
        },
        "labels": None if findings.verdict is None else len(findings.verdict.outcomes),
    }


def write_run(
    findings: Findings, folder: Path, settings: Mapping[str, Any], cost: Mapping[str, Any], again: Mapping[str, Any]
) -> None:
    """Write run.json: what was asked for (paths as text), what came out, what it cost, and by what it is known again.

    Raises:
        StorageFailure: the folder cannot be written.
    """
    run = {
        "version": 1,
        "settings": {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()},
        "scores": {} if findings.verdict is None else scores(findings.verdict),
        "not_judged": not_judged(findings),
        "coverage": coverage(findings),
        **cost,
        "findings": describe(findings),
        "again": again,
    }
    write_atomic(folder / RUN, (json.dumps(run, indent=1) + "\n").encode())


def save(findings: Findings, folder: Path, most: int = 100) -> Path:
    """Write series.npz: the traces of the `most` worst events that have one, and what the tables do not hold.

    Byte-stable: no clock, no order of a set, fixed types.

    Raises:
        StorageFailure: the folder cannot be written.
    """
    events = sorted(findings.events, key=lambda event: (event.start, event.key))  # the order of events.csv
    place = {event.id: i for i, event in enumerate(events)}
    traced = {trace.event_id: trace for trace in findings.traces}
    kept = [traced[event.id] for event in worst_first(events) if event.id in traced][:most]
    arrays: dict[str, NDArray[Any]] = {
        "format": np.array([_FORMAT], dtype=np.int64),
        "events": _digest([event.id for event in events]),
        "below": np.array([event.direction == "below" for event in events], dtype=np.bool_),
        "breaches": np.array([event.breaches for event in events], dtype=np.int64),
        "peak_at": np.array([event.peak_at for event in events], dtype=np.int64),
        "keys": _pack(findings.keys),
        "traced": np.array([place[trace.event_id] for trace in kept], dtype=np.int64),
        "grids": np.array([(t.grid.start, t.grid.step, t.grid.count) for t in kept], dtype=np.int64).reshape(-1, 3),
    }
    arrays["weeks"] = np.array([(t.weeks.start, t.weeks.end) for t in kept], dtype=np.int64).reshape(-1, 2)
    arrays["hourly"] = np.concatenate([np.empty(0, np.float32), *(trace.hourly for trace in kept)])
    for name in _ARRAYS:
        arrays[name] = np.concatenate([np.empty(0), *(getattr(trace, name) for trace in kept)])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    path = folder / SERIES
    write_atomic(path, buffer.getvalue())
    return path


def load(folder: Path) -> Findings:
    """The findings of the run whose files are in `folder`, from run.json, the tables and series.npz.

    Figures are those of the tables (ten significant digits); labels are those of comparison.csv, which does not keep
    their direction.

    Raises:
        StorageFailure: a file is missing, damaged, or of another run than the others.
    """
    about = _about(folder / RUN)
    rows = EVENTS.read(folder / EVENTS.file)
    series = _series(folder / SERIES)
    with readable(folder / SERIES):
        if about["events"] != len(rows) or series["events"].tolist() != _digest([row["id"] for row in rows]).tolist():
            raise ValueError("of another run than events.csv")
        events = tuple(
            made(
                Event,
                row,
                breaches=int(series["breaches"][i]),
                peak_at=int(series["peak_at"][i]),
                direction="below" if series["below"][i] else "above",
            )
            for i, row in enumerate(rows)
        )
        traces = _traces(series, events)
        keys = _unpack(series["keys"])
    not_judged = tuple(made(NotJudged, row) for row in NOT_JUDGED.read(folder / NOT_JUDGED.file))
    _check(folder / NOT_JUDGED.file, len(not_judged), about["not_judged"])
    suppressed = tuple(made(Suppressed, row) for row in SUPPRESSED.read(folder / SUPPRESSED.file))
    _check(folder / SUPPRESSED.file, len(suppressed), about["suppressed"])
    contributors: tuple[Contributor, ...] = ()
    if count := about["contributors"]:
        contributors = tuple(made(Contributor, row) for row in CONTRIBUTORS.read(folder / CONTRIBUTORS.file))
        _check(folder / CONTRIBUTORS.file, len(contributors), count)
    groups: tuple[Incident, ...] = ()
    if about["incidents"] is not None:
        groups = tuple(made(Incident, row) for row in INCIDENTS.read(folder / INCIDENTS.file))
        _check(folder / INCIDENTS.file, len(groups), about["incidents"])
    others: tuple[OtherPolicy, ...] = ()
    if about["elsewhere"]:
        others = tuple(OtherPolicy(**row) for row in ELSEWHERE.read(folder / ELSEWHERE.file))
        _check(folder / ELSEWHERE.file, len(others), about["elsewhere"])
    said = about["coverage"]
    table = [made(CoverageRow, row) for row in COVERAGE.read(folder / COVERAGE.file)]
    _check(folder / COVERAGE.file, len(table), said["rows"])
    told = from_table(table, said["noun"], _tuples(said["held"]), said["read"], _tuples(said["notes"]))
    coverage = replace(told, changed=said.get("changed", 0))
    verdict = None
    if about["labels"] is not None:
        of_event = {row["id"]: (row["verdict"], row["label_id"]) for row in rows if row["verdict"]}
        verdict = Verdict(read_comparison(folder / COMPARISON.file), of_event)
        _check(folder / COMPARISON.file, len(verdict.outcomes), about["labels"])
    return Findings(
        store=about["store"],
        metric=about["metric"],
        window=about["window"],
        resolution=about["resolution"],
        policy=about["policy"],
        keys=keys,
        events=events,
        not_judged=not_judged,
        labels=tuple(outcome.label for outcome in verdict.outcomes) if verdict is not None else (),
        verdict=verdict,
        traces=traces,
        contributors=contributors,
        incidents=groups,
        elsewhere=others,
        suppressed=suppressed,
        coverage=coverage,
        key_hours=about["key_hours"],
    )


def _about(path: Path) -> dict[str, Any]:
    """The part of run.json that `describe` made, metric, policy and window made whole again."""
    with readable(path):
        about: dict[str, Any] = json.loads(path.read_bytes())["findings"]
        if about["format"] != _FORMAT:
            raise ValueError("written by another version")
        start, end = (instant(text, now=0) for text in about["window"])
        whole = {
            "metric": Metric(**about["metric"]),
            "policy": policy_of(about["policy"]),
            "window": Window(start, end),
        }
        names = ("store", "resolution", "events", "not_judged", "suppressed", "coverage", "labels")
        later = {name: about.get(name, missing) for name, missing in _LATER.items()}
        return {name: about[name] for name in names} | later | whole


def policy_of(about: Mapping[str, Any]) -> Policy:
    """A policy as JSON has it. JSON knows lists only; a policy holds tuples, and a calendar of rows."""
    calendar = tuple(CalendarRow(**row) for row in about.get("calendar", ()))
    return Policy(**{name: _tuples(value) for name, value in about.items() if name != "calendar"}, calendar=calendar)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _check(path: Path, rows: int, written: int) -> None:
    """A table that ends early, but between two rows, looks whole."""
    with readable(path):
        if rows != written:
            raise ValueError(f"{rows} rows where the run wrote {written}")


def _series(path: Path) -> dict[str, NDArray[Any]]:
    # From memory: numpy leaves the file open when it is no archive.
    with readable(path), np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
        if arrays["format"][0] != _FORMAT:
            raise ValueError("written by another version")
        return {name: arrays[name] for name in arrays.files}


def _traces(series: Mapping[str, NDArray[Any]], events: Sequence[Event]) -> tuple[Trace, ...]:
    ends = np.cumsum(series["grids"][:, 2])
    hours = np.cumsum((series["weeks"][:, 1] - series["weeks"][:, 0]) // HOUR)
    traces = []
    for i, event in enumerate(series["traced"].tolist()):
        start, step, count = series["grids"][i].tolist()
        part = slice(int(ends[i]) - count, int(ends[i]))
        arrays = {name: series[name][part] for name in _ARRAYS}
        weeks = Window(*series["weeks"][i].tolist())
        hourly = series["hourly"][int(hours[i]) - weeks.seconds // HOUR : int(hours[i])]
        traces.append(Trace(events[event].id, Grid(start, step, count), **arrays, weeks=weeks, hourly=hourly))
        if len(traces[-1].threshold) != count or len(hourly) != weeks.seconds // HOUR:
            raise ValueError("a series is cut short")
    return tuple(traces)


def _digest(ids: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer(blake2b("\0".join(ids).encode(), digest_size=16).digest(), dtype=np.uint8)


def _pack(keys: Sequence[str]) -> NDArray[np.uint8]:
    # JSON rather than a separator: a key may hold any character. ASCII, so that a lone surrogate survives as well.
    return np.frombuffer(json.dumps(list(keys)).encode("ascii"), dtype=np.uint8)


def _unpack(packed: NDArray[np.uint8]) -> tuple[str, ...]:
    return tuple(json.loads(packed.tobytes()))
