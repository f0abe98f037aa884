"""The tables of a run: what stands in which column. A new column is a line here, and is then written, read and told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from analyzer.model import (
    Band,
    Confidence,
    Contributor,
    Event,
    EventClass,
    Findings,
    Incident,
    NotJudged,
    OtherPolicy,
    Recurs,
    Suppressed,
)
from analyzer.outcome import EventVerdict, LabelVerdict, Outcome
from analyzer.report.columns import COUNT, HASH, NUMBER, TEXT, TIME, Column, CsvTable, optional, rounded, word
from traffic.coverage import CoverageRow
from traffic.disk import storage, write_atomic
from traffic.model import Direction, Kind, Label, Metric, Split

Made = TypeVar("Made")


@dataclass(frozen=True)
class JudgedEvent:
    """An event, what it was found in, and what the comparison says of it: a row of events.csv."""

    event: Event
    metric: Metric
    verdict: EventVerdict = ""
    label_id: str = ""


EVENTS: CsvTable[JudgedEvent] = CsvTable(
    "events.csv",
    (
        Column("event_id", HASH, lambda r: r.event.id, "", "hash of key, metric, direction and start", field="id"),
        Column("key", TEXT, lambda r: r.event.key, "", "series of the event"),
        Column("start", TIME, lambda r: r.event.start, "UTC", "start of the first breach"),
        Column("end", TIME, lambda r: r.event.end, "UTC", "end of the last breach"),
        Column("detected", TIME, lambda r: r.event.detected, "UTC", "end of the bucket that completed the rule"),
        Column("minutes", NUMBER, lambda r: r.event.minutes, "min", "from start to end"),
        Column("peak", NUMBER, lambda r: r.event.peak, "unit", "highest value; for a fall, the lowest"),
        Column("baseline", NUMBER, lambda r: r.event.baseline, "unit", "normal value in the bucket of the peak"),
        Column("threshold", NUMBER, lambda r: r.event.threshold, "unit", "lowest value that opens an event there"),
        Column("ratio", optional(NUMBER), lambda r: r.event.ratio, "", "peak / baseline; empty if the baseline is 0"),
        Column("excess", NUMBER, lambda r: r.event.excess, "unit, of bit/s bit", "sum of the excess over the baseline"),
        Column("metric", TEXT, lambda r: r.metric.name, "", "name of the metric", in_json=False),
        Column("unit", TEXT, lambda r: r.metric.unit, "", "unit of the metric", in_json=False),
        Column("verdict", word(EventVerdict), lambda r: r.verdict, "", "verdict of the comparison"),
        Column("label_id", TEXT, lambda r: r.label_id, "", "label that it matches"),
        Column("severity", NUMBER, lambda r: r.event.severity, "0 to 100", "from height and length"),
        Column("direction", word(Direction), lambda r: r.event.direction, "", "above or below"),
        Column("band", word(Band), lambda r: r.event.band, "", "severity as a word"),
        Column("class", word(EventClass), lambda r: r.event.event_class, "", "policy, unusual, ...", "event_class"),
        Column("incident_id", TEXT, lambda r: r.event.incident_id, "", "incident that it belongs to"),
        Column("opened_by", TEXT, lambda r: r.event.opened_by, "", "name of the limit that decided"),
        Column("confidence", word(Confidence), lambda r: r.event.confidence, "", "low: learned from days, not weeks"),
        Column("recurs", word(Recurs), lambda r: r.event.recurs, "", "weekly: another a week before"),
    ),
)  # fmt: skip

COMPARISON: CsvTable[Outcome] = CsvTable(
    "comparison.csv",
    (
        Column("label_id", TEXT, lambda o: o.label.id, "", "id of the label", field="id"),
        Column("key", TEXT, lambda o: o.label.key, "", "series of the label; empty: all series"),
        Column("kind", word(Kind), lambda o: o.label.kind, "", "required, optional, ignore or decoy"),
        Column("start", TIME, lambda o: o.label.start, "UTC", "start of the label"),
        Column("end", TIME, lambda o: o.label.end, "UTC", "end of the label"),
        Column("shape", TEXT, lambda o: o.label.shape, "", "shape of the incident"),
        Column("factor", NUMBER, lambda o: o.label.factor, "times", "size of the incident; empty if unknown"),
        Column("verdict", word(LabelVerdict), lambda o: o.verdict, "", "verdict on the label"),
        Column("event_id", HASH, lambda o: o.event_id, "", "event that matches it"),
        Column("onset_delay_s", optional(COUNT), lambda o: o.onset_delay, "s", "start to detection", "onset_delay"),
        Column("overlap", COUNT, lambda o: o.overlap, "s", "time that label and event share"),
        Column("reached", optional(NUMBER), lambda o: o.reached, "times", "highest ratio held as the policy requires"),
        Column("needed", optional(NUMBER), lambda o: o.needed, "times", "ratio that was required there"),
        Column("found_at_percent", optional(NUMBER), lambda o: o.found_at_percent, "%", "finds it; empty: none does"),
        Column("why", TEXT, lambda o: o.why, "", "what decided, and what would have to change"),
    ),
)  # fmt: skip

NOT_JUDGED: CsvTable[NotJudged] = CsvTable(
    "not_judged.csv",
    (
        Column("key", TEXT, lambda n: n.key, "", "the series"),
        Column("start", TIME, lambda n: n.start, "UTC", "start of the time"),
        Column("end", TIME, lambda n: n.end, "UTC", "end of the time"),
        Column("reason", TEXT, lambda n: n.reason, "", "why it could not be judged"),
    ),
)

SUPPRESSED: CsvTable[Suppressed] = CsvTable(
    "suppressed.csv",
    (
        Column("key", TEXT, lambda s: s.key, "", "the series"),
        Column("hours", COUNT, lambda s: s.hours, "h", "hours above the stated threshold that are not events"),
        Column("reason", TEXT, lambda s: s.reason, "", "the rule that is the reason"),
    ),
)

COVERAGE: CsvTable[CoverageRow] = CsvTable(
    "coverage.csv",
    (
        Column("part", TEXT, lambda r: r.part, "", "index, file or account"),
        Column("first", optional(TIME), lambda r: r.first, "UTC", "time of the first row"),
        Column("last", optional(TIME), lambda r: r.last, "UTC", "time of the last row"),
        Column("rows", optional(COUNT), lambda r: r.rows, "", "used + left out; empty if they cannot be counted"),
        Column("used", optional(COUNT), lambda r: r.used, "", "rows that fell into buckets"),
        Column("left_out", optional(COUNT), lambda r: r.left_out, "", "rows that did not"),
        Column("reason", TEXT, lambda r: r.reason, "", "why they were left out; empty for used rows"),
    ),
)

_WEIGHT = "its share of the usual traffic, or of the traffic just before"

CONTRIBUTORS: CsvTable[Contributor] = CsvTable(
    "contributors.csv",
    (
        Column("event_id", HASH, lambda c: c.event_id, "", "the event"),
        Column("dimension", TEXT, lambda c: c.dimension, "", "dimension, or a pair with & between them"),
        Column("value", TEXT, lambda c: c.value, "", "its value; (others) and (not explained): the rest"),
        Column("actual", optional(NUMBER), lambda c: c.actual, "unit, of bit/s bit", "during the event"),
        Column("usual", optional(NUMBER), lambda c: c.usual, "unit, of bit/s bit", "mean, same hours of other weeks"),
        Column("excess", optional(NUMBER), lambda c: c.excess, "unit, of bit/s bit", "actual - usual"),
        Column("share", NUMBER, lambda c: c.share, "", "of the total excess; they add up to 1"),
        Column("new", word(Literal["", "yes"]), lambda c: c.new, "", "yes: seen in none of the other weeks"),
        Column("weight", optional(NUMBER), lambda c: c.weight, "", _WEIGHT),
        Column("split", word(Split), lambda c: c.split, "", "what is split: excess; mean, by rate and mix; rows"),
        Column("rate", optional(NUMBER), lambda c: c.rate, "unit", "of a mean: due to the value's own mean"),
        Column("mix", optional(NUMBER), lambda c: c.mix, "unit", "of a mean: due to more or fewer rows"),
    ),
)  # fmt: skip

INCIDENTS: CsvTable[Incident] = CsvTable(
    "incidents.csv",
    (
        Column("incident_id", HASH, lambda i: i.id, "", "hash of its events", field="id"),
        Column("start", TIME, lambda i: i.start, "UTC", "start of its first event"),
        Column("end", TIME, lambda i: i.end, "UTC", "end of the event that ends last"),
        Column("keys", COUNT, lambda i: i.keys, "", "number of series"),
        Column("events", COUNT, lambda i: i.events, "", "number of events"),
        Column("severity", NUMBER, lambda i: i.severity, "0 to 100", "highest of its events"),
        Column("common", TEXT, lambda i: i.common, "", "contributor that all share, or the group of their series"),
        Column("chance", optional(NUMBER), lambda i: i.chance, "", "how often as many would start together by chance"),
        Column("onset", TEXT, lambda i: i.onset, "", "its first 20 series, in order of onset"),
    ),
)  # fmt: skip

ELSEWHERE: CsvTable[OtherPolicy] = CsvTable(
    "elsewhere.csv",
    (
        Column("name", TEXT, lambda p: p.name, "", "name of the policy"),
        Column("engine", TEXT, lambda p: p.engine, "", "its engine; sl: the run's own policy"),
        Column("hits", optional(COUNT), lambda p: p.hits, "", "incidents found"),
        Column("misses", optional(COUNT), lambda p: p.misses, "", "incidents missed"),
        Column("not_judged", optional(COUNT), lambda p: p.not_judged, "", "incidents in time that it does not judge"),
        Column("false_alarms", optional(COUNT), lambda p: p.false_alarms, "", "alerts without an incident"),
        Column("alerts", COUNT, lambda p: p.alerts, "", "as often as the engine notifies"),
        Column("alerts_per_week", optional(NUMBER), lambda p: p.alerts_per_week, "1/week", "in judged time"),
        Column("worst_key", TEXT, lambda p: p.worst_key, "", "series with the most alerts"),
        Column("worst_per_week", NUMBER, lambda p: p.worst_per_week, "1/week", "alerts of that series"),
        Column("median_delay_s", optional(NUMBER), lambda p: p.median_delay, "s", "over the hits", "median_delay"),
        Column("never_looked_at", COUNT, lambda p: p.never_looked_at, "", "series that it never evaluates"),
        Column("series", COUNT, lambda p: p.series, "", "number of series"),
        Column("not_emulated", TEXT, lambda p: p.not_emulated, "", "what the engine does beyond this"),
        Column("against_fired", TEXT, lambda p: p.against_fired, "", "agreement with the alerts that fired there"),
    ),
)  # fmt: skip

TABLES = (EVENTS, COMPARISON, NOT_JUDGED, SUPPRESSED, COVERAGE, CONTRIBUTORS, INCIDENTS, ELSEWHERE)

_NAMES = tuple(one.name for one in fields(Event))


def event_rows(findings: Findings) -> Iterator[JudgedEvent]:
    """The rows of events.csv: in order of start and key."""
    of_event: Mapping[str, tuple[EventVerdict, str]] = findings.verdict.of_event if findings.verdict is not None else {}
    for event in sorted(findings.events, key=lambda event: (event.start, event.key)):
        yield JudgedEvent(event, findings.metric, *of_event.get(event.id, ("", "")))


def as_written(event: Event) -> Event:
    """The event with the figures that events.csv shows: what is told from a run and from its files is then the same."""
    figures: dict[str, Any] = {
        name: rounded(value) for name in _NAMES if isinstance(value := getattr(event, name), float)
    }
    return replace(event, **figures)


def write_tables(findings: Findings, folder: Path) -> list[Path]:
    """Write the tables; their paths.

    A comparison.csv of an earlier run is removed where there is none now.

    Raises:
        StorageFailure: the folder cannot be written.
    """
    files = {
        EVENTS.file: EVENTS.pieces(event_rows(findings)),
        NOT_JUDGED.file: NOT_JUDGED.pieces(sorted(findings.not_judged)),
        SUPPRESSED.file: SUPPRESSED.pieces(sorted(findings.suppressed)),
        COVERAGE.file: COVERAGE.pieces(findings.coverage.table()),
        INCIDENTS.file: INCIDENTS.pieces(findings.incidents),
    }
    if findings.verdict is None:
        remove(folder / COMPARISON.file)
    else:
        outcomes = sorted(findings.verdict.outcomes, key=lambda o: (o.label.start, o.label.key, o.label.id))
        files[COMPARISON.file] = COMPARISON.pieces(outcomes)
    if findings.contributors:
        files[CONTRIBUTORS.file] = CONTRIBUTORS.pieces(findings.contributors)
    else:
        remove(folder / CONTRIBUTORS.file)
    if findings.elsewhere:
        files[ELSEWHERE.file] = ELSEWHERE.pieces(findings.elsewhere)
    else:
        remove(folder / ELSEWHERE.file)
    for name, content in files.items():
        write_atomic(folder / name, content)
    return [folder / name for name in files]


def remove(path: Path) -> None:
    """Take away a file that an earlier run left, if it is there.

    Raises:
        StorageFailure: it is there and stays.
    """
    with storage(path):
        path.unlink(missing_ok=True)


def made(of: type[Made], row: Mapping[str, Any], **more: Any) -> Made:
    """A value of a dataclass: what a row of a table holds of its fields, and what it does not."""
    names = {field.name for field in fields(of)}  # type: ignore[arg-type]
    return of(**({name: value for name, value in row.items() if name in names} | more))


def read_comparison(path: Path) -> tuple[Outcome, ...]:
    """The outcomes of a comparison.csv, in its order. A label's direction, which it does not hold, is "above".

    Raises:
        StorageFailure: the file is missing or is not what `write_tables` wrote.
    """
    return tuple(made(Outcome, row, label=made(Label, row, direction="above")) for row in COMPARISON.read(path))
