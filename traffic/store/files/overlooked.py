"""What stands beside what is read and would change its meaning: zones of times, numbers that are names, copies."""

from __future__ import annotations

import re
from collections.abc import Sequence

from traffic.errors import UsageFailure
from traffic.flows import like_dimensions
from traffic.store.columns import Columns
from traffic.store.files.cells import Holds
from traffic.store.files.look import Input
from traffic.store.files.naming import columns_in, plain
from traffic.store.files.sampled import Sampled
from traffic.store.files.zones import SUFFIX, zone_meant

_ZONE_NAMES = re.compile(r"(?:.*[\W_])?(?:tz|time_?zone|zone|utc_?offset|tz_?offset|gmt_?offset|offset|zeitzone)")
_ZONE = re.compile(
    r"(?:UTC|GMT)?[-+]\d{1,2}(?::?\d\d)?|[A-Z]{3,5}|Z|(?:Africa|America|Antarctica|Asia|Atlantic|Australia|Europe"
    r"|Indian|Pacific|Etc|US)/[\w/+-]+"
)
_NAMED_IN = re.compile(
    r"(?:UTC|GMT) ?[-+]\d{1,2}(?::?\d\d)?|(?:Africa|America|Asia|Atlantic|Australia|Europe|Indian|Pacific)/[\w/+-]+"
    r"|\b(?:CES?T|MES?Z|E[SD]T|C[SD]T|M[SD]T|P[SD]T|BST|IST|JST|HKT|MSK|EES?T|WES?T|AE[SD]T|NZ[SD]T|A[SD]T)\b"
    r"|[\w. ]*(?:Standard|Daylight) Time"
    r"|(?i:(?:^|[\W_])local(?:[\W_]?(?:date)?time)?$|^local[\W_]?(?:date|time)|\bortszeit\b)"
)
"""How the name of a column says in which zone its times are."""
_UTC = re.compile(r"(?:UTC|GMT|Z|Etc/UTC)?(?:[-+]?0{1,2}(?::?00)?)?")
_NUMBERED = re.compile(
    r"(?:asn?|(?:src|dst|peer|origin)as|vlan(?:id)?|if(?:index)?|index|port|[sd]port|(?:src|dst)port|slot|cell|pop|site"
    r"|(?:item|host|object|device|user|customer|client|site|channel|sensor|port|interface|account|tenant|service)id)"
)
_TOTALS = re.compile(
    r"(?:grand |sub)?totals?|sum|all|overall|gesamt|summe|insgesamt|ensemble|somme|toda?s|suma|合计|総計"
)
_FEWEST = 3


def zones_beside(table: Sampled, holds: dict[str, Holds], used: Columns) -> str | None:
    """The column that names the zones of times that name none themselves; None where there is none, or all are UTC."""
    times = columns_in(used.time, table.columns)
    if not times or holds[times[0]] == "epoch" or used.zone != "UTC":
        return None
    if any(SUFFIX.search(cell) for cell in table.cells(times[-1])[:50]):
        return None
    for column in table.columns:
        cells = table.cells(column)
        if column in (*times, *columns_in(used.key, table.columns)) or not cells:
            continue
        if not _ZONE_NAMES.fullmatch(column.lower()) or all(_UTC.fullmatch(cell) for cell in cells):
            continue
        number = holds[column] == "number" and "offset" in column.lower()
        if number or all(_ZONE.fullmatch(cell) for cell in cells):
            return column
    return None


def zone_in_name(table: Sampled, holds: dict[str, Holds], used: Columns) -> str | None:
    """The zone that the name of the times tells, where these name none themselves; None where it tells none, or UTC."""
    times = columns_in(used.time, table.columns)
    if not times or holds[times[0]] == "epoch" or used.zone != "UTC":
        return None
    if any(SUFFIX.search(cell) for cell in table.cells(times[-1])[:50]):
        return None
    found = next(filter(None, map(_NAMED_IN.search, times)), None)
    return None if found is None or _UTC.fullmatch(found[0].replace(" ", "")) else found[0].strip("_- ")


def refuse_zones(table: Sampled, holds: dict[str, Holds], found: Columns, said: Columns) -> None:
    """Stop where the times were guessed, and another column says of which zone they are.

    Raises:
        UsageFailure: one does.
    """
    if said.time is None and (zone := zone_in_name(table, holds, found)) is not None:
        hours = re.search(r"([-+])(\d{1,2})(?::?00)?$", zone)
        # The offsets of these names point the other way.
        fixed = f"Etc/GMT{'-' if hours[1] == '+' else '+'}{int(hours[2])}" if hours else "ZONE"
        likely = zone if "/" in zone else zone_meant(zone) or fixed
        raise UsageFailure(
            f"{table.name}: the name of {found.time} says that its times are {zone}: use --timezone-of-data {likely}, "
            f"or --time '{found.time}' if they are UTC"
        )
    if said.time is None and (column := zones_beside(table, holds, found)) is not None:
        cells = list(dict.fromkeys(table.cells(column)))[:3]
        raise UsageFailure(
            f"{table.name}: {column} holds the zones of {found.time} ({', '.join(cells)}): use --timezone-of-data "
            f"ZONE if all are the same, add the offset to the time, or use --time {found.time} if they are UTC"
        )


def numbers_that_name(table: Sampled, free: Sequence[str], holds: dict[str, Holds]) -> list[str]:
    """Columns of whole numbers that are called like what tells series apart: ports, ASs, VLANs, identifiers."""
    numbers = [column for column in free if holds[column] in ("number", "epoch")]
    called = [column for column in numbers if _NUMBERED.fullmatch(plain(column)) or column in like_dimensions(numbers)]
    return [
        column
        for column in called
        if all(cell.isdigit() for cell in table.cells(column)) and len(set(table.cells(column))) > 1
    ]


def totals_among(keys: Sequence[str]) -> list[str]:
    """Those of the series that are called as if they were the sum of the others."""
    found = [key for key in keys if _TOTALS.fullmatch(key.strip("() ").lower())]
    return found if len(keys) >= _FEWEST else []


def copies(inputs: Sequence[Input]) -> list[str]:
    """Files that begin with the same rows as another one: as `b.csv and a.csv`."""
    seen: dict[object, str] = {}
    found = []
    for file in inputs:
        if len(file.sample) < _FEWEST:
            continue
        about = (file.columns, file.sample)
        if about in seen:
            found.append(f"{file.name} and {seen[about]}")
        seen.setdefault(about, file.name)
    return found


def joined_by_blanks(inputs: Sequence[Input], key: str | None) -> str | None:
    """A key of the first rows that becomes another one as blanks around cells are left out; None: there is none."""
    for file in inputs:
        for column in columns_in(key, file.columns) if file.padded else ():
            place = file.columns.index(column)
            cells = {row[place] or "" for row in file.sample}
            if odd := sorted(cell for cell in cells if cell != cell.strip() and cell.strip() in cells):
                return odd[0]
    return None


def later_columns(inputs: Sequence[Input]) -> list[str]:
    """Columns that the first file does not have: as `b (b.csv)`."""
    known = set(inputs[0].columns)
    found: dict[str, str] = {}
    for file in inputs[1:]:
        for column in file.columns:
            if column and column not in known and column not in found:
                found[column] = f"{column} ({file.name})"
    return list(found.values())
