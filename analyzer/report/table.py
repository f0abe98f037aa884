"""The CSV files of a run: written byte-stable, read back for `report`. Their columns are a contract."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from math import isfinite, isnan, nan
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args

from analyzer.model import Event, EventVerdict, Findings, LabelVerdict, NotJudged, Outcome, Suppressed
from traffic.disk import storage, write_atomic
from traffic.errors import StorageFailure
from traffic.model import Kind, Label
from traffic.text import cell, uncell, visible
from traffic.times import iso

EVENTS = "events.csv"
COMPARISON = "comparison.csv"
NOT_JUDGED = "not_judged.csv"
SUPPRESSED = "suppressed.csv"

EVENT_COLUMNS = (
    *("event_id", "key", "start", "end", "detected", "minutes", "peak", "baseline", "threshold", "ratio", "excess"),
    *("metric", "unit", "verdict", "label_id", "severity"),
)
COMPARISON_COLUMNS = (
    *("label_id", "key", "kind", "start", "end", "shape", "factor", "verdict", "event_id", "onset_delay_s", "overlap"),
)
NOT_JUDGED_COLUMNS = ("key", "start", "end", "reason")
SUPPRESSED_COLUMNS = ("key", "hours", "reason")

_QUOTED = re.compile('[,"\r\n]')

Row = TypeVar("Row")


class EventRow(NamedTuple):
    """A row of events.csv, typed: what the file knows of an event."""

    event_id: str
    key: str
    start: int
    end: int
    detected: int
    peak: float
    baseline: float
    threshold: float
    ratio: float | None
    excess: float
    verdict: EventVerdict
    label_id: str
    severity: float


def number(value: float) -> str:
    """Ten significant digits: the last bits of a float, which the order of a sum decides, do not show. "" for NaN.

    No exponent between 1e-12 and 1e22.
    """
    if isnan(value):
        return ""
    text = f"{value:.10g}"
    if "e" in text and isfinite(value) and 1e-12 <= abs(value) < 1e22:
        text = format(Decimal(text), "f")
    return "0" if text == "-0" else text


def rounded(value: float) -> float:
    """The value that `number` shows."""
    return float(f"{value:.10g}")


def as_written(event: Event) -> Event:
    """The event with the figures that events.csv shows: what is told from a run and from its files is then the same."""
    return replace(
        event,
        peak=rounded(event.peak),
        baseline=rounded(event.baseline),
        threshold=rounded(event.threshold),
        ratio=None if event.ratio is None else rounded(event.ratio),
        excess=rounded(event.excess),
        severity=rounded(event.severity),
    )


def write_tables(findings: Findings, folder: Path) -> list[Path]:
    """Write events.csv, not_judged.csv, suppressed.csv and, where there was a truth, comparison.csv; their paths.

    A comparison.csv of an earlier run is removed where there is none now.

    Raises:
        StorageFailure: the folder cannot be written.
    """
    written = [folder / EVENTS, folder / NOT_JUDGED, folder / SUPPRESSED]
    write_atomic(written[0], encode(EVENT_COLUMNS, event_lines(findings)))
    write_atomic(written[1], encode(NOT_JUDGED_COLUMNS, _not_judged_lines(findings.not_judged)))
    write_atomic(written[2], encode(SUPPRESSED_COLUMNS, _suppressed_lines(findings.suppressed)))
    if findings.verdict is not None:
        written.append(folder / COMPARISON)
        write_atomic(written[3], encode(COMPARISON_COLUMNS, _comparison_lines(findings.verdict.outcomes)))
    else:
        remove(folder / COMPARISON)
    return written


def remove(path: Path) -> None:
    """Take away a file that an earlier run left, if it is there.

    Raises:
        StorageFailure: it is there and stays.
    """
    with storage(path):
        path.unlink(missing_ok=True)


def event_lines(findings: Findings) -> Iterator[str]:
    """The lines of events.csv, in order of start and key, without their line ends."""
    of_event = findings.verdict.of_event if findings.verdict is not None else {}
    # Metric and unit are the same on every line.
    metric = f"{quoted(findings.metric.name)},{quoted(findings.metric.unit)}"
    for e in sorted(findings.events, key=lambda e: (e.start, e.key)):
        verdict, label_id = of_event.get(e.id, ("", ""))
        ratio = "" if e.ratio is None else number(e.ratio)
        yield (
            f"{e.id},{quoted(e.key)},{iso(e.start)},{iso(e.end)},{iso(e.detected)},{number(e.minutes)},{number(e.peak)},"
            f"{number(e.baseline)},{number(e.threshold)},{ratio},{number(e.excess)},{metric},{verdict},{quoted(label_id)},{number(e.severity)}"
        )


def _comparison_lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for o in sorted(outcomes, key=lambda o: (o.label.start, o.label.key, o.label.id)):
        label = o.label
        delay = "" if o.onset_delay is None else str(o.onset_delay)
        yield (
            f"{quoted(label.id)},{quoted(label.key)},{label.kind},{iso(label.start)},{iso(label.end)},{quoted(label.shape)},"
            f"{number(label.factor)},{o.verdict},{o.event_id},{delay},{o.overlap}"
        )


def _not_judged_lines(stretches: Sequence[NotJudged]) -> Iterator[str]:
    for n in sorted(stretches):
        yield f"{quoted(n.key)},{iso(n.start)},{iso(n.end)},{quoted(n.reason)}"


def _suppressed_lines(suppressed: Sequence[Suppressed]) -> Iterator[str]:
    for s in sorted(suppressed):
        yield f"{quoted(s.key)},{s.hours},{quoted(s.reason)}"


def quoted(text: str) -> str:
    """A text as a cell: no formula for a spreadsheet, in quotes where it needs them."""
    # Quoting by hand: what csv.writer quotes differs between the Pythons we run on, and this is twice as fast.
    text = cell(text)
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def encode(columns: Sequence[str], lines: Iterable[str]) -> bytes:
    """The bytes of a CSV file: its header and its lines."""
    # A lone surrogate would make the whole file unreadable for others: it is written as its escape.
    return ("\n".join((",".join(columns), *lines)) + "\n").encode("utf-8", "backslashreplace")


def read_events(path: Path) -> list[EventRow]:
    """The events of an events.csv, in its order.

    Raises:
        StorageFailure: the file is missing or is not what `write_tables` wrote.
    """
    return _read(path, EVENT_COLUMNS, _event_row)


def read_comparison(path: Path) -> list[Outcome]:
    """The outcomes of a comparison.csv, in its order. A label's direction, which it does not hold, is "above".

    Raises:
        StorageFailure: the file is missing or is not what `write_tables` wrote.
    """
    return _read(path, COMPARISON_COLUMNS, _outcome)


def read_not_judged(path: Path) -> list[NotJudged]:
    """The stretches of a not_judged.csv, in its order.

    Raises:
        StorageFailure: the file is missing or is not what `write_tables` wrote.
    """
    return _read(path, NOT_JUDGED_COLUMNS, lambda r: NotJudged(uncell(r[0]), _time(r[1]), _time(r[2]), uncell(r[3])))


def read_suppressed(path: Path) -> list[Suppressed]:
    """What a suppressed.csv counts, in its order.

    Raises:
        StorageFailure: the file is missing or is not what `write_tables` wrote.
    """
    return _read(path, SUPPRESSED_COLUMNS, lambda r: Suppressed(uncell(r[0]), uncell(r[2]), int(r[1])))


def _event_row(r: list[str]) -> EventRow:
    start, end, detected = map(_time, r[2:5])
    peak, baseline, threshold = map(_value, r[6:9])
    ratio = _value(r[9]) if r[9] else None
    verdict = _one_of(r[13], EventVerdict)
    figures = (peak, baseline, threshold, ratio, _value(r[10]))
    return EventRow(r[0], uncell(r[1]), start, end, detected, *figures, verdict, uncell(r[14]), _value(r[15]))


def _outcome(r: list[str]) -> Outcome:
    start, end, kind = _time(r[3]), _time(r[4]), _one_of(r[2], Kind)
    label = Label(uncell(r[0]), uncell(r[1]), start, end, uncell(r[5]), _value(r[6]), "above", kind)
    return Outcome(label, _one_of(r[7], LabelVerdict), r[8], int(r[9]) if r[9] else None, int(r[10]))


def _read(path: Path, columns: Sequence[str], make: Callable[[list[str]], Row]) -> list[Row]:
    with readable(path):
        rows = csv.reader(io.StringIO(path.read_bytes().decode("utf-8"), newline=""), strict=True)
        if next(rows, None) != list(columns):
            raise ValueError("other columns than expected")
        return [make(row) for row in rows]


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Whatever goes wrong in here means that `path`, written by an earlier run, is not what it was: one line says so.

    Raises:
        StorageFailure: always and only.
    """
    try:
        yield
    except FileNotFoundError:
        raise StorageFailure(f"{path} is not there: run discover again") from None
    except OSError as error:
        raise StorageFailure(f"{path} cannot be read ({error.strerror}): run discover again") from None
    except Exception as error:  # noqa: BLE001 - a damaged file can make any error of what reads it
        reason = f"no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise StorageFailure(f"{path} is damaged ({visible(reason)}): run discover again") from None


def _time(text: str) -> int:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return int(time.timestamp())


def _value(text: str) -> float:
    return float(text) if text else nan


def _one_of(text: str, words: Any) -> Any:
    if text not in get_args(words):
        raise ValueError(f"unknown word {text!r}")
    return text
