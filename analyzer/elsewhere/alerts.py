"""The alerts of other engines' policies one by one: elsewhere_alerts.csv."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.model import Event
from analyzer.outcome import EventVerdict
from analyzer.report.columns import COUNT, NUMBER, TEXT, TIME, Column, CsvTable


@dataclass(frozen=True)
class AlertRow:
    """A row of elsewhere_alerts.csv."""

    policy: str
    event: Event
    told: int
    level: str
    verdict: EventVerdict
    label_id: str


ALERTS: CsvTable[AlertRow] = CsvTable(
    "elsewhere_alerts.csv",
    (
        Column("policy", TEXT, lambda r: r.policy, "", "policy of another engine"),
        Column("key", TEXT, lambda r: r.event.key, "", "series of the alert"),
        Column("start", TIME, lambda r: r.event.start, "UTC", "start of the first match"),
        Column("end", TIME, lambda r: r.event.end, "UTC", "end of the last match"),
        Column("detected", TIME, lambda r: r.event.detected, "UTC", "when the engine notifies"),
        Column("level", TEXT, lambda r: r.level, "", "highest level reached"),
        Column("told", COUNT, lambda r: r.told, "", "number of notifications"),
        Column("peak", NUMBER, lambda r: r.event.peak, "unit", "value farthest from the threshold"),
        Column("baseline", NUMBER, lambda r: r.event.baseline, "unit", "baseline, if one is used"),
        Column("threshold", NUMBER, lambda r: r.event.threshold, "unit", "threshold that was exceeded"),
        Column("verdict", TEXT, lambda r: r.verdict, "", "verdict of the comparison"),
        Column("label_id", TEXT, lambda r: r.label_id, "", "label that it matches"),
    ),
)  # fmt: skip
