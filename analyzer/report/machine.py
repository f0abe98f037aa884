"""A run's findings for another program: what `--json` prints, and the scores that run.json holds as well."""

from __future__ import annotations

from typing import Any

from analyzer.model import Findings, Verdict
from analyzer.report.table import rounded
from traffic.model import HOUR
from traffic.times import iso


def as_json(findings: Findings) -> dict[str, Any]:
    """The run as values for `json.dumps`, in the words of the CSV files; events in order of start and key."""
    of_event = findings.verdict.of_event if findings.verdict is not None else {}
    events = []
    for event in sorted(findings.events, key=lambda event: (event.start, event.key)):
        verdict, label_id = of_event.get(event.id, (None, None))
        events.append(
            {
                "event_id": event.id,
                "key": event.key,
                "start": iso(event.start),
                "end": iso(event.end),
                "detected": iso(event.detected),
                "minutes": rounded(event.minutes),
                "peak": rounded(event.peak),
                "baseline": rounded(event.baseline),
                "threshold": rounded(event.threshold),
                "ratio": None if event.ratio is None else rounded(event.ratio),
                "excess": rounded(event.excess),
                "verdict": verdict,
                "label_id": label_id or None,
                "severity": rounded(event.severity),
                "band": event.band,
                "direction": event.direction,
            }
        )
    return {
        "store": findings.store,
        "metric": findings.metric.name,
        "unit": findings.metric.unit,
        "window": {"start": iso(findings.window.start), "end": iso(findings.window.end)},
        "resolution": findings.resolution,
        "keys": len(findings.keys),
        "events": events,
        "scores": None if findings.verdict is None else scores(findings.verdict),
        "not_judged": not_judged(findings),
        "suppressed": suppressed(findings),
    }


def scores(verdict: Verdict) -> dict[str, float | int | None]:
    """The figures of a comparison; None where there is nothing to divide by."""
    return {
        "precision": verdict.precision,
        "recall": verdict.recall,
        "f1": verdict.f1,
        "hits": verdict.hits,
        "misses": verdict.misses,
        "false_alarms": verdict.false_alarms,
        "decoys": verdict.decoys,
        "decoys_fired": verdict.decoys_fired,
        "neutral_events": verdict.neutral_events,
        "labels_not_judged": verdict.not_judged,
        "median_onset_delay_s": verdict.median_onset_delay,
    }


def not_judged(findings: Findings) -> dict[str, Any]:
    """What was not judged: how many keys, what share of all key-hours, and the key-hours by reason."""
    total = len(findings.keys) * findings.window.seconds
    hours: dict[str, float] = {}
    for gap in findings.not_judged:
        hours[gap.reason] = hours.get(gap.reason, 0.0) + (gap.end - gap.start) / HOUR
    return {
        "keys": len({gap.key for gap in findings.not_judged}),
        "share": rounded(sum(hours.values()) * HOUR / total) if total else None,
        "key_hours": {reason: rounded(hours[reason]) for reason in sorted(hours)},
    }


def suppressed(findings: Findings) -> dict[str, int]:
    """Key-hours that passed the stated threshold and are no events, by reason."""
    hours: dict[str, int] = {}
    for some in findings.suppressed:
        hours[some.reason] = hours.get(some.reason, 0) + some.hours
    return dict(sorted(hours.items()))
