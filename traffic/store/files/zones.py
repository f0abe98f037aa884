"""The zones that times name, and the SQL that reads such times.

Abbreviations mean several zones each, and a database picks one without a word: BST is Bangladesh. Those of the zone
that a person named are read; UTC, GMT and Z always are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

ZONES = (
    *("Europe/London", "Europe/Berlin", "Europe/Helsinki", "Europe/Lisbon", "Europe/Moscow"),
    *("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Halifax"),
    *("Asia/Kolkata", "Asia/Tokyo", "Asia/Hong_Kong", "Australia/Sydney", "Australia/Perth", "Pacific/Auckland"),
)
"""Which zone an abbreviation is likely to be meant of, for advice."""

_UTC = ("UTC", "GMT", "Z")
_GERMAN = {"MEZ": "CET", "MESZ": "CEST"}
_NAMED = r"[A-Za-z]{3,5}|[Zz]"
_OFFSET = r"[-+]\d\d(?::?\d\d)?"
SUFFIX = re.compile(rf"(?<=[\dMm])\s?((?:{_NAMED})|{_OFFSET})(?:\[[\w/+-]+\])?$")
"""A zone at the end of a time, as an abbreviation or an offset."""


def zone_names(zone: str) -> dict[str, str]:
    """The abbreviations of a zone, each with the offset that it stands for, as `+01:00`."""
    place = ZoneInfo(zone)
    found: dict[str, str] = {}
    for month in range(12 * 30):
        time = datetime(2005 + month // 12, month % 12 + 1, 15, 12, tzinfo=place)
        name, offset = time.tzname(), time.utcoffset()
        if name and name.isalpha() and offset is not None:
            sign, minutes = ("-" if offset < timedelta() else "+"), abs(offset) // timedelta(minutes=1)
            found[name] = f"{sign}{minutes // 60:02}:{minutes % 60:02}"
    return found | {german: found[name] for german, name in _GERMAN.items() if name in found}


def zone_meant(abbreviation: str) -> str | None:
    """The zone that an abbreviation most likely speaks of."""
    return next((zone for zone in ZONES if abbreviation in zone_names(zone)), None)


def zone_advice(cell: str) -> str | None:
    """What to do about a time that names its zone by an abbreviation; None where it does not."""
    named = re.search(r"\d.*?\b([A-Za-z]{2,5})(?: \d{4})?$", cell.strip())
    if not named or named[1].upper() in ("AM", "PM", *_UTC) or not named[1].isupper():
        return None
    zone = zone_meant(named[1])
    say = f"use --timezone-of-data {zone} if that is right" if zone else "specify the zone with --timezone-of-data"
    return f"{named[1]} can be one of several time zones: {say}, or write offsets"


def iso_sql(cell: str, zone: str) -> str:
    """SQL of the moment that an ISO 8601 text means; null where it is none, or names a zone that nobody told."""
    last = f"right({cell}, 1)"
    cases = " ".join(
        f"WHEN '{name}' THEN regexp_replace({cell}, '\\s*[A-Za-z]+$', '') || '{offset}'"
        for name, offset in _known(zone).items()
    )
    named = f"CASE upper(regexp_extract({cell}, '([A-Za-z]+)$', 1)) {cases} END"
    return f"TRY_CAST(CASE WHEN {last} <= '9' OR {last} = 'Z' THEN {cell} ELSE {named} END AS TIMESTAMPTZ)"


def formatted_sql(cell: str, formats: Sequence[str], zone: str) -> str:
    """SQL of the moment that a text in one of these formats means; %Z is an abbreviation or an offset."""
    kinds: dict[str, list[str]] = {"%Z": [], "%z": [], "": []}
    for one in formats:
        kinds[next(mark for mark in kinds if mark in one)].append(one.replace("%Z", "%z"))
    ways = []
    for mark, some in kinds.items():
        text = cell
        if mark == "%Z" and some:
            # Names become offsets; an unknown name stays as it is, and is then not a valid offset.
            text = f"regexp_replace({cell}, '\\[[^\\]]*\\]$', '')"
            for name, offset in _known(zone).items():
                text = f"regexp_replace({text}, '([\\d\\s])(?i:{name})(\\s|$)', '\\1{offset}\\2')"
        if some:
            quoted = ", ".join("'" + one.replace("'", "''") + "'" for one in some)
            ways.append(f"CAST(try_strptime({text}, [{quoted}]) AS TIMESTAMPTZ)")
    return ways[0] if len(ways) == 1 else f"coalesce({', '.join(ways)})"


def _known(zone: str) -> dict[str, str]:
    """Abbreviation -> offset, of those that are read."""
    return dict.fromkeys(_UTC, "+00:00") | ({} if zone == "UTC" else zone_names(zone))
