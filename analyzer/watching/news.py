"""What is new: the events of a round against what was told before. Pure; `state.py` keeps it, `telling.py` says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from analyzer.model import BANDS, Band, Event, EventClass, Findings
from analyzer.report.table import EVENTS, event_rows
from traffic.model import WEEK, Window

NewsKind = Literal["new", "worse", "over", "withdrawn", "returned"]
Standing = Literal["open", "over", "withdrawn"]

_KEPT = 26 * WEEK
"""How long an event is remembered after its end. Whatever ended before that is told no more."""
_ORDER = [band for band, _ in reversed(BANDS)]


@dataclass(frozen=True)
class Told:
    """An event that was told, by the name that it was told by first: judged again it may begin elsewhere."""

    id: str
    key: str
    direction: str
    start: int
    """Of all that it was ever seen as, as is `end`."""
    end: int
    standing: Standing
    band: Band
    """The highest that was told."""
    event_class: EventClass
    turns: int
    """How often it was told of."""
    event: Mapping[str, Any]
    """As events.csv has it, as it was told last."""


@dataclass(frozen=True)
class News:
    """One thing to say of an event."""

    id: str
    """The same whenever it is said again: by it a receiver knows what it has heard."""
    kind: NewsKind
    event_id: str
    event: Mapping[str, Any]
    was: Mapping[str, str]
    """Class and band as they were told before; empty where nothing was."""


@dataclass(frozen=True)
class Looked:
    """What a round looked at, and where it lets go of an event."""

    window: Window
    keys: frozenset[str]
    merge: int
    """Seconds after its last breach in which an event may go on."""
    sure: int
    """Up to here the data are all there: the round's clock less the lag, or the end of the data."""
    since: int
    """Events that ended before this are known."""


def looked(findings: Findings, now: int, lag: int, since: int) -> Looked:
    """What a round looked at."""
    sure = min(now - lag, findings.window.end)
    merge = max(findings.policy.merge, findings.policy.within, findings.resolution)
    return Looked(findings.window, frozenset(findings.keys), merge, sure, since)


def documents(findings: Findings) -> dict[str, dict[str, Any]]:
    """Event id -> the event in the words of events.csv, and what and whose it is."""
    more = {"metric": findings.metric.name, "unit": findings.metric.unit, "store": findings.store}
    return {row.event.id: {**EVENTS.document(row), **more} for row in event_rows(findings)}


def news(
    told: Sequence[Told], events: Iterable[Event], said: Mapping[str, Mapping[str, Any]], round_: Looked
) -> tuple[list[Told], list[News]]:
    """What was told with what is told now, and what there is to say.

    An event is the one that was told where key and direction are the same and they share time: late data may move its
    start, and with it its id. What was told and is found no more is withdrawn, where the round looked at all of it.

    Args:
        told: before this round.
        events: that it found.
        said: their documents by id.
        round_: what it looked at.
    """
    found: dict[tuple[str, str], list[Event]] = {}
    for event in events:
        found.setdefault((event.key, event.direction), []).append(event)
    after: list[Told] = []
    told_now: list[News] = []
    known: set[str] = set()
    for one in told:
        same = [event for event in found.get((one.key, one.direction), ()) if _meet(one, event)]
        known.update(event.id for event in same)
        turned, item = _again(one, same, said, round_)
        if turned.end > round_.sure - _KEPT or turned.standing == "open":
            after.append(turned)
        told_now += [item] if item else []
    for event in sorted((one for some in found.values() for one in some), key=lambda one: (one.start, one.key)):
        if event.id in known or event.detected > round_.sure or event.end <= max(round_.since, round_.sure - _KEPT):
            continue
        first = Told(
            id=event.id,
            key=event.key,
            direction=event.direction,
            start=event.start,
            end=event.end,
            standing="open",
            band=event.band,
            event_class=event.event_class,
            turns=0,
            event=said[event.id],
        )
        turned, item = _turn(first, "new", "open")
        after.append(turned)
        told_now.append(item)
    return after, told_now


def _again(
    one: Told, same: Sequence[Event], said: Mapping[str, Mapping[str, Any]], round_: Looked
) -> tuple[Told, News | None]:
    """What was told before, and what there is to say of it now."""
    if not same:
        # What lies partly outside of what was looked at may be there still.
        whole = one.key in round_.keys and round_.window.start <= one.start and one.end <= round_.window.end
        if one.standing == "withdrawn" or not whole:
            return one, None
        return _turn(one, "withdrawn", "withdrawn")
    worst = max(same, key=lambda event: (event.severity, event.id))
    last = max(event.end for event in same)
    seen = replace(
        one, start=min(one.start, *(event.start for event in same)), end=max(one.end, last), event=said[worst.id]
    )
    over = last + round_.merge <= round_.sure
    if one.standing == "withdrawn" or (one.standing == "over" and not over):
        return _turn(_as(seen, worst), "returned", "open", one)
    if one.standing == "over":
        return seen, None
    if over:
        return _turn(seen, "over", "over", one)
    if _ORDER.index(worst.band) > _ORDER.index(one.band):
        return _turn(_as(seen, worst), "worse", "open", one)
    return seen, None


def _as(one: Told, event: Event) -> Told:
    return replace(one, band=event.band, event_class=event.event_class)


def _turn(one: Told, kind: NewsKind, standing: Standing, before: Told | None = None) -> tuple[Told, News]:
    was = {} if before is None else {"class": before.event_class, "band": before.band}
    turned = replace(one, standing=standing, turns=one.turns + 1)
    return turned, News(f"{one.id}-{turned.turns}-{kind}", kind, one.id, one.event, was)


def _meet(one: Told, event: Event) -> bool:
    return one.id == event.id or (event.start < one.end and one.start < event.end)
