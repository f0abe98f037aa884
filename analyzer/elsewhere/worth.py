"""The scores of other engines' policies, counted as `tune` counts its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import isfinite, nan

import numpy as np

from analyzer.elsewhere.alerts import AlertRow
from analyzer.elsewhere.history import partly
from analyzer.elsewhere.raised import Raised
from analyzer.history import History, week_of
from analyzer.model import Event, Findings, OtherPolicy, Policy, event_id
from analyzer.tuning.candidate import Candidate
from analyzer.tuning.score import Score, score
from analyzer.tuning.swept import Swept
from analyzer.tuning.truth import LabelArrays
from analyzer.verdict import COUNTED, compare
from traffic.model import HOUR, WEEK, Floats, Label, Metric

OWN = "sl"


def worth(
    raised: Raised, history: History, labels: Sequence[Label] | None, present: Policy
) -> tuple[OtherPolicy, list[AlertRow]]:
    """The score of a policy, and its alerts.

    Args:
        labels: the truth; None if there is none.
        present: the run's policy, in whose time zone the share of alerts at night is counted.

    Raises:
        UsageFailure: it looks back farther than history reaches, at any time.
    """
    surveyed, metric, resolution = history.surveyed, history.source.metric, history.resolution
    keys, policy, alerts = list(surveyed.spans), raised.policy, raised.alerts
    lost = [*policy.not_emulated, *filter(None, [partly(raised, surveyed)])]
    truth = LabelArrays(labels, surveyed, resolution)
    gaps = list(raised.gaps(surveyed, truth.keys))
    swept = Swept(
        key=[alerts.key],
        start=[alerts.start],
        end=[alerts.end],
        detected=[alerts.detected],
        above=[np.ones(len(alerts.key), dtype=bool)],
        gaps=gaps,
        judged_by_week=raised.by_week(surveyed.window),
        judged_of_key=dict(enumerate(raised.judged.sum(axis=1).tolist())),
    )
    found = score(Candidate(present), swept, surveyed, truth, metric.name)
    told = alerts.told
    counted = np.bincount(week_of(alerts.start, surveyed.window), told, len(found.alerts)).astype(np.int64)
    of_key = np.bincount(alerts.key, told, len(keys))
    weeks = np.maximum(1.0, raised.judged.sum(axis=1) / (WEEK / HOUR))
    worst = int(np.argmax(of_key / weeks)) if keys else 0
    row = other_policy(
        replace(
            found,
            alerts=counted,
            worst_key=keys[worst] if of_key[worst] else "",
            worst_per_week=float(of_key[worst] / weeks[worst]),
        ),
        policy.name,
        policy.engine,
        truth.known,
        len(keys),
    )
    said = replace(row, never_looked_at=int((~raised.looked).sum()), not_emulated="; ".join(lost))
    events = list(_events(raised, keys, metric))
    verdict = compare([one for one, _, _ in events], truth.labels, gaps, surveyed.window, resolution, keys)
    told_of = verdict.of_event if truth.known else {}
    rows = [
        AlertRow(policy.name, event, count, level, *told_of.get(event.id, ("", ""))) for event, count, level in events
    ]
    return said, sorted(rows, key=lambda one: (one.event.start, one.event.key))


def other_policy(found: Score, name: str, engine: str, known: bool, series: int) -> OtherPolicy:
    """A score of `tune` as a row beside other engines' policies."""
    hits, misses, not_judged, wrong = (
        found.total(what) if known else None
        for what in (found.hits, found.misses, found.not_judged, found.false_alarms)
    )
    return OtherPolicy(
        name=name,
        engine=engine,
        hits=hits,
        misses=misses,
        not_judged=not_judged,
        false_alarms=wrong,
        alerts=found.total(found.alerts),
        alerts_per_week=found.per_week(),
        worst_key=found.worst_key,
        worst_per_week=found.worst_per_week,
        median_delay=found.delay,
        never_looked_at=0,
        series=series,
        not_emulated="",
    )


def own(findings: Findings) -> OtherPolicy:
    """The run's own policy as such a row: its events of the class `policy`."""
    raised = [event for event in findings.events if event.event_class == COUNTED]
    blank = sum(gap.end - gap.start for gap in findings.not_judged)
    weeks = (findings.seconds_there - blank) / WEEK / max(1, len(findings.keys))
    verdict = findings.verdict
    gone: dict[str, int] = {}
    count: dict[str, int] = {}
    for gap in findings.not_judged:
        gone[gap.key] = gone.get(gap.key, 0) + gap.end - gap.start
    for event in raised:
        count[event.key] = count.get(event.key, 0) + 1
    rates = {key: some / max(1.0, (findings.window.seconds - gone.get(key, 0)) / WEEK) for key, some in count.items()}
    worst = max(sorted(rates), key=lambda key: rates[key], default="")
    return OtherPolicy(
        name="this policy",
        engine=OWN,
        hits=None if verdict is None else verdict.hits,
        misses=None if verdict is None else verdict.misses,
        not_judged=None if verdict is None else verdict.not_judged,
        false_alarms=None if verdict is None else verdict.false_alarms,
        alerts=len(raised),
        alerts_per_week=len(raised) / weeks if weeks > 0 else None,
        worst_key=worst,
        worst_per_week=rates.get(worst, 0.0),
        median_delay=None if verdict is None else verdict.median_onset_delay,
        never_looked_at=0,
        series=len(findings.keys),
        not_emulated="",
    )


def _events(raised: Raised, keys: Sequence[str], metric: Metric) -> Iterator[tuple[Event, int, str]]:
    alerts = raised.alerts
    columns = (alerts.key, alerts.start, alerts.end, alerts.detected, alerts.told, alerts.peak, alerts.limit)
    rows = zip(*(column.tolist() for column in columns), _blank(alerts.usual), alerts.level, strict=True)
    for key, start, end, detected, told, peak, limit, usual, level in rows:
        event = Event(
            id=event_id(keys[key], metric.name, "above", start),
            key=keys[key],
            start=start,
            end=end,
            detected=detected,
            breaches=0,
            peak_at=start,
            peak=peak,
            baseline=usual,
            threshold=limit,
            ratio=None,
            excess=0.0,
            event_class=COUNTED,
        )
        yield event, told, level


def _blank(values: Floats) -> list[float]:
    """Values, NaN in place of infinite ones (no limit at all)."""
    return [value if isfinite(value) else nan for value in values.tolist()]
