"""Instants and lengths of time as people write them. UTC unless the text says otherwise."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from traffic.errors import UsageFailure

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_NOW = re.compile(r"now(?:([+-])(\d+)([smhdw]))?(?:/([mhdw]))?")
_DURATION = re.compile(r"(\d+)\s*([smhdw]?)")
_FIRST_MONDAY = 4 * 86400
# Year 1 to 9999 is what a calendar can say; what lies outside is a number with a slip in it.
_LATEST = 253402300799


def iso(time: int) -> str:
    """`2026-11-22T10:00:00Z`."""
    days, second = divmod(int(time), 86400)
    return f"{_day(days)}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"


@lru_cache(maxsize=4096)
def _day(days: int) -> str:
    return datetime.fromtimestamp(86400 * days, UTC).strftime("%Y-%m-%d")


def duration(text: str) -> int:
    """Seconds of `90s`, `5m`, `2h`, `7d`, `6w`; a bare number means minutes.

    Raises:
        UsageFailure: the text is no length of time, or it is zero.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    seconds = int(match[1]) * _UNITS[match[2] or "m"] if match else 0
    if not 0 < seconds <= _LATEST:
        raise UsageFailure(f"{text!r} is not a length of time: write for instance 60s, 5m, 1h, 7d or 6w")
    return seconds


def instant(text: str, now: int) -> int:
    """UTC epoch seconds of a time as people write it.

    ISO 8601 (`2026-11-22`, `2026-11-22T10:00`; with Z, an offset, or no zone, which is UTC), `now`, `now-7d`, `now/d`
    (cut down to the day), `now-1w/w` (to Monday), or epoch seconds.

    Raises:
        UsageFailure: the text is none of these.
    """
    text = text.strip()
    if match := _NOW.fullmatch(text):
        sign, amount, unit, cut = match.groups()
        time = now + (int(amount) * _UNITS[unit] * (-1 if sign == "-" else 1) if amount else 0)
        if cut:
            time -= (time - (_FIRST_MONDAY if cut == "w" else 0)) % _UNITS[cut]
        return time
    if re.fullmatch(r"\d{9,12}", text) and int(text) <= _LATEST:
        return int(text)
    try:
        time_of_day = datetime.fromisoformat(text)
    except ValueError:
        raise UsageFailure(
            f"{text!r} is not a time: write for instance 2026-11-22, 2026-11-22T10:00Z, now-7d or now/d"
        ) from None
    if time_of_day.tzinfo is None:
        time_of_day = time_of_day.replace(tzinfo=UTC)
    return int(time_of_day.timestamp())


def zone(name: str) -> ZoneInfo:
    """The time zone of that name, such as `Europe/Berlin`.

    Raises:
        UsageFailure: there is none; close names are suggested.
    """
    try:
        return ZoneInfo(name)
    # ZoneInfo looks the name up in folders, so a name may also be a folder, or a path that leads out of them.
    except (KeyError, ValueError, OSError):
        known = {one.lower(): one for one in sorted(available_timezones())}
        said = name.strip().lower().replace(" ", "_")
        close = get_close_matches(said, known, 3, 0.85) or get_close_matches(said, known, 3)
        names = " or ".join(repr(known[one]) for one in close)
        hint = f"did you mean {names}?" if close else "write for instance UTC or Europe/Berlin"
        raise UsageFailure(f"unknown time zone {name!r}; {hint}") from None


def resolution(text: str) -> int:
    """Seconds of a bucket: a duration that divides an hour.

    Raises:
        UsageFailure: it is no duration or does not divide an hour.
    """
    seconds = duration(text)
    if 3600 % seconds:
        raise UsageFailure(f"a resolution of {text!r} does not divide an hour: use 1m, 5m, 10m, 15m, 30m or 60m")
    return seconds


def fitting(step: int, asked: int, adds_up: bool) -> int:
    """Seconds of the finest buckets, no finer than `asked`, that data with a value every `step` seconds can fill.

    They divide an hour. Where the values of a bucket are added up (`adds_up`), every bucket has to hold as many of
    them, or one would stand above the next for no other reason.
    """
    if step <= asked:
        return asked
    possible = [seconds for seconds in range(1, 3601) if 3600 % seconds == 0 and seconds >= step] or [3600]
    return next((seconds for seconds in possible if seconds % step == 0), 3600 if adds_up else possible[0])
