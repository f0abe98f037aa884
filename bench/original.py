"""What is found, beside `--baseline original` and the arithmetic of kentik_event_discovery (bench/original_twin.py)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from analyzer.model import Event, event_id
from analyzer.outcome import Verdict
from analyzer.report.saved import load
from analyzer.verdict import compare
from bench.original_twin import Alert, alerts
from bench.original_world import CUSTOMERS, START, WEEKS, Floats, series_of, world
from bench.processes import run
from traffic import truth
from traffic.model import HOUR, WEEK, Window

LENGTHS = ((5, "up to 5 min"), (15, "5 to 15 min"), (30, "15 to 30 min"), (60, "30 min to 1 h"), (999, "over 1 h"))

# A spike of 5 x a flat 10 Mb/s in the last of so many weeks: how long it is, and at which minute of an hour it begins.
FLAT, FACTOR = 1e7, 5.0
SPIKES = ((1, 20), (2, 20), (3, 20), (4, 20), (5, 20), (10, 20), (30, 15), (90, 15), (10, 50))
HISTORIES = (3, 4, 6, 8, 12, 16, 18, 20, 21, 24)

OURS = {"`discover`": (), "`discover --baseline original`": ("--baseline", "original")}
TWIN = "kentik_event_discovery's arithmetic"


def report() -> str:
    """The tables of docs/original.md."""
    with TemporaryDirectory() as folder:
        scored = scores(Path(folder))
    found = {name: first_seen(options) for name, options in OURS.items()} | {TWIN: first_seen_by_the_twin()}
    return "\n".join([*_scores_table(scored), "", *_spikes_table(found), ""])


# -- labelled traffic -----------------------------------------------------------------------------


def scores(folder: Path) -> dict[str, Verdict]:
    """The same traffic and labels, judged three ways."""
    store = world(folder)
    found = {}
    for name, options in OURS.items():
        run("sl.py", "discover", "--store", store, "--output", folder, "--charts", "0", *options)
        verdict = load(folder).verdict
        assert verdict is not None
        found[name] = verdict
    window = Window(START, START + WEEKS * WEEK)
    events = [_event(key, alert) for key, minutes in series_of(store).items() for alert in alerts(minutes)]
    labels, _ = truth.read(folder / "ground_truth.csv")
    return found | {TWIN: compare(events, labels, (), window, 60)}


def _event(key: str, alert: Alert) -> Event:
    """As its table says it: at least a minute long."""
    start, end = (START + 60 * minute for minute in (alert.start, max(alert.end, alert.start + 1)))
    return Event(
        id=event_id(key, "bits", "above", start),
        key=key,
        start=start,
        end=end,
        detected=end,
        breaches=2,
        peak_at=start,
        peak=alert.peak,
        baseline=alert.threshold / 3,
        threshold=alert.threshold,
        ratio=None,
        excess=0.0,
    )


def _scores_table(scored: Mapping[str, Verdict]) -> Iterable[str]:
    first = next(iter(scored.values()))
    yield f"{CUSTOMERS} customers x {WEEKS} weeks x 1 min of generated traffic, {first.decoys} decoys. Found of the"
    yield "events that have to be found, by their length:"
    yield ""
    yield "| | F1 | found | false alarms | decoys that fired | " + " | ".join(name for _, name in LENGTHS) + " |"
    yield "| --- " + "| ---: " * (4 + len(LENGTHS)) + "|"
    for name, verdict in scored.items():
        wanted = verdict.hits + verdict.misses
        cells = (
            f"{verdict.f1:.3f}",
            f"{verdict.hits} of {wanted}",
            str(verdict.false_alarms),
            str(verdict.decoys_fired),
        )
        yield f"| {name} | " + " | ".join((*cells, *_by_length(verdict))) + " |"


def _by_length(verdict: Verdict) -> Iterable[str]:
    least = 0
    for most, _ in LENGTHS:
        here = [o.verdict for o in verdict.outcomes if least < (o.label.end - o.label.start) / 60 <= most]
        yield f"{here.count('hit')} of {here.count('hit') + here.count('miss')}"
        least = most


# -- how much history it takes --------------------------------------------------------------------


def spiky(weeks: int) -> dict[str, Floats]:
    """A flat series per spike, which lies in the last of these weeks, on Wednesday from 10:00 on."""
    made = {}
    for length, at in SPIKES:
        minutes = np.full(weeks * WEEK // 60, FLAT)
        begin = (weeks - 1) * WEEK // 60 + (2 * 24 + 10) * 60 + at
        minutes[begin : begin + length] *= FACTOR
        made[f"{length}m at {at}"] = minutes
    return made


def first_seen(options: tuple[str, ...]) -> dict[str, int | None]:
    """Spike -> the shortest of the histories in which discover finds it."""
    found: dict[str, int | None] = {}
    for weeks in HISTORIES:
        with TemporaryDirectory() as folder:
            table = Path(folder) / "flat.csv"
            made = spiky(weeks)
            times = START + 60 * np.arange(weeks * WEEK // 60)
            columns = np.column_stack([times, *made.values()])
            header = ",".join(("time", *made))
            np.savetxt(table, columns, fmt="%d", delimiter=",", header=header, comments="")
            own = ("--wide", "--time", "time", "--floor", "1000000", "--charts", "0", "--history", f"{weeks}w")
            run("sl.py", "discover", "--store", table, "--output", folder, *own, *options)
            keys = {event.key for event in load(Path(folder)).events}
        for name in made:
            if name in keys:
                found.setdefault(name, weeks)
    return found


def first_seen_by_the_twin() -> dict[str, int | None]:
    """The same by the arithmetic of the original."""
    found: dict[str, int | None] = {}
    for weeks in HISTORIES:
        for name, minutes in spiky(weeks).items():
            if alerts(minutes):
                found.setdefault(name, weeks)
    return found


def _spikes_table(found: Mapping[str, Mapping[str, int | None]]) -> Iterable[str]:
    tried = ", ".join(map(str, HISTORIES))
    yield f"A flat series of {FLAT / 1e6:.0f} Mb/s with one spike of {FACTOR:g} times that, in its last week: the weeks"
    yield f"of data that it takes until it is found (tried: {tried})."
    yield ""
    yield "| spike | " + " | ".join(found) + " |"
    yield "| --- " + "| ---: " * len(found) + "|"
    for length, at in SPIKES:
        end = (at + length) % (HOUR // 60)
        seen = (rows.get(f"{length}m at {at}") for rows in found.values())
        cells = ("never" if weeks is None else f"{weeks}" for weeks in seen)
        where = "up to the full hour" if not end else f"from minute {at}"
        yield f"| {length} min, {where} | " + " | ".join(cells) + " |"
