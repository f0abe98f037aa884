"""A run's findings for another program: what `--json` prints, and the scores that run.json holds as well."""

from __future__ import annotations

from typing import Any

from analyzer.model import Findings
from analyzer.outcome import Verdict
from analyzer.report.columns import rounded
from analyzer.report.table import CONTRIBUTORS, ELSEWHERE, EVENTS, INCIDENTS, event_rows
from traffic.model import HOUR
from traffic.times import iso

LISTED = 20
"""Keys that are named where there may be many."""


def as_json(findings: Findings) -> dict[str, Any]:
    """The run as values for `json.dumps`, in the words of the CSV files; events in order of start and key."""
    return {
        "store": findings.store,
        "metric": findings.metric.name,
        "unit": findings.metric.unit,
        "window": {"start": iso(findings.window.start), "end": iso(findings.window.end)},
        "resolution": findings.resolution,
        "timezone": findings.policy.timezone,
        "keys": len(findings.keys),
        "events": [EVENTS.document(row) for row in event_rows(findings)],
        "incidents": [INCIDENTS.document(row) for row in findings.incidents],
        "contributors": [CONTRIBUTORS.document(row) for row in findings.contributors],
        "elsewhere": [ELSEWHERE.document(row) for row in findings.elsewhere],
        "scores": None if findings.verdict is None else scores(findings.verdict),
        "not_judged": not_judged(findings),
        "suppressed": suppressed(findings),
        "coverage": coverage(findings),
    }


def scores(verdict: Verdict) -> dict[str, Any]:
    """The figures of a comparison; None where there is nothing to divide by. By shape: the labels of each verdict."""
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
        "by_shape": {shape: dict(sorted(counts.items())) for shape, counts in verdict.by_shape.items()},
    }


def not_judged(findings: Findings) -> dict[str, Any]:
    """What was not judged: how many keys, what share of the hours that they have, by reason, and the worst keys."""
    total = findings.seconds_there
    of_key = hours_not_judged(findings)
    hours: dict[str, float] = {}
    for reasons in of_key.values():
        for reason, some in reasons.items():
            hours[reason] = hours.get(reason, 0.0) + some
    worst = sorted(of_key, key=lambda key: (-sum(of_key[key].values()), key))[:LISTED]
    return {
        "keys": len(of_key),
        "share": rounded(sum(hours.values()) * HOUR / total) if total else None,
        "key_hours": {reason: rounded(hours[reason]) for reason in sorted(hours)},
        "worst": [{"key": key, "hours": dict(sorted(of_key[key].items()))} for key in worst],
    }


def hours_not_judged(findings: Findings) -> dict[str, dict[str, float]]:
    """Key -> reason -> hours; only of keys that have some."""
    hours: dict[str, dict[str, float]] = {}
    for gap in findings.not_judged:
        reasons = hours.setdefault(gap.key, {})
        reasons[gap.reason] = reasons.get(gap.reason, 0.0) + (gap.end - gap.start) / HOUR
    return hours


def coverage(findings: Findings) -> dict[str, Any]:
    """What the store holds and what of it was used: the sums of coverage.csv; None where the store does not say."""
    found = findings.coverage
    known = found.known and bool(found.parts)
    return {
        "what": found.noun,
        "rows": found.rows if known else None,
        "used": found.used if known else None,
        "left_out": found.left_out if known else None,
        "reasons": found.reasons,
        "held": None if found.held is None else list(found.held),
        "read": found.read,
        "sentence": found.sentence(),
    }


def suppressed(findings: Findings) -> dict[str, int]:
    """Key-hours that passed the stated threshold and are no events, by reason."""
    hours: dict[str, int] = {}
    for some in findings.suppressed:
        hours[some.reason] = hours.get(some.reason, 0) + some.hours
    return dict(sorted(hours.items()))
