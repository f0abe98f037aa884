"""Calendars that others keep: the public holidays of a region, and iCalendar files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from analyzer.model import CalendarRow, Meaning
from traffic.disk import storage
from traffic.errors import UsageFailure

ICS = ".ics"
_REGION = re.compile(r"([A-Z]{2})(?:-([A-Z0-9]{1,4}))?")
_BACK, _AHEAD = 10, 1
"""Years round this one whose holidays are known."""
_MOST = 2_000
"""Times that an entry may recur."""


def is_region(name: str) -> bool:
    """Whether a calendar is named like a country or one of its regions: DE, DE-BY, US-CA."""
    return _REGION.fullmatch(name) is not None


def holidays_of(region: str, year: int) -> tuple[CalendarRow, ...]:
    """The public holidays of a region, each of them a Sunday: of the ten years before `year`, of it and the next.

    Raises:
        UsageFailure: there is no such country or region.
    """
    import holidays

    match = _REGION.fullmatch(region)
    assert match is not None
    country, part = match.groups()
    known = holidays.list_supported_countries()
    if country not in known:
        close = get_close_matches(country, known, 3, cutoff=0.4)
        hint = f"did you mean {' or '.join(close)}?" if close else "write for instance DE-BY or US"
        raise UsageFailure(
            f"--calendar {region}: no holidays of {country} are known (and there is no file of that name): {hint}"
        )
    if part is not None and part not in known[country]:
        there = ", ".join(known[country]) or "none"
        raise UsageFailure(f"--calendar {region}: {country} has no region {part}; there are {there}")
    found = holidays.country_holidays(country, subdiv=part, years=range(year - _BACK, year + _AHEAD + 1))
    return tuple(CalendarRow(day.isoformat(), "", "sunday", "", name) for day, name in sorted(found.items()))


def read_ics(path: Path, year: int) -> tuple[CalendarRow, ...]:
    """The entries of an iCalendar file, those that recur up to the end of the year after `year`.

    A category that is a word of the calendar says what an entry is; else whole days are like Sundays, and what has a
    time of the day is not looked at at all.

    Raises:
        UsageFailure: the file is not there or is no iCalendar file.
        StorageFailure: the file is there but cannot be read.
    """
    from icalendar import Calendar

    with storage(path):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise UsageFailure(f"{path}: calendar not found") from None
    try:
        calendar = Calendar.from_ical(content)
        rows = [row for event in calendar.walk("VEVENT") for row in _rows(event, year)]
    except (ValueError, KeyError, IndexError) as error:
        raise UsageFailure(f"{path}: not an iCalendar file ({str(error)[:80]})") from None
    if not rows:
        raise UsageFailure(f"{path}: contains no events")
    return tuple(sorted(rows, key=lambda row: (row.start, row.end, row.note)))


def _rows(event: Any, year: int) -> Iterator[CalendarRow]:
    start = event.decoded("DTSTART")
    whole = not isinstance(start, datetime)
    end = event.decoded("DTEND") if "DTEND" in event else start + event.decoded("DURATION", timedelta(days=int(whole)))
    lasting = end - start
    said = {str(one).lower() for one in (event.categories if "CATEGORIES" in event else ())}
    words: tuple[Meaning, ...] = get_args(Meaning)
    what = next((word for word in words if word in said), "sunday" if whole else "ignore")
    name = " ".join(str(event.get("SUMMARY", "")).split())
    for first in _times(event, start, year):
        last = first + lasting
        if whole:
            # The end is the day after the last.
            yield CalendarRow(first.isoformat(), (last - timedelta(days=1)).isoformat(), what, "", name)
        elif last > first:
            yield CalendarRow(first.isoformat(), last.isoformat(), what, "", name)


def _times(event: Any, start: date, year: int) -> Iterator[date]:
    """When an entry begins, each time."""
    if "RRULE" not in event:
        yield start
        return
    from dateutil.rrule import rrulestr  # type: ignore[import-untyped]

    whole = not isinstance(start, datetime)
    first = datetime(start.year, start.month, start.day) if whole else start  # noqa: DTZ001 - a day has no zone
    assert isinstance(first, datetime)
    left = event.get("EXDATE", [])
    out = {one.dt for dates in (left if isinstance(left, list) else [left]) for one in dates.dts}
    rule = event["RRULE"].to_ical().decode()
    for count, time in enumerate(rrulestr(rule, dtstart=first)):
        if time.year > year + _AHEAD or count >= _MOST:
            return
        one = time.date() if whole else time
        if one not in out:
            yield one
