"""What the fields of a log mean: guessed by their names, then held against what they hold.

A status is one where it holds codes of answers, a level where one word or number of it is known, a time where it can be
read and moves within a day. What several fields say (lines of two kinds in one log) is taken from the first of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from traffic.errors import UsageFailure
from traffic.store.files.log.cells import CODE, REQUESTS, first_of, status_of, texts_of
from traffic.store.files.log.clock import FORMS, form_of, joined, milliseconds_of, seconds_of
from traffic.store.files.log.raw import Ask
from traffic.store.files.table import text
from traffic.store.log_fields import ERROR_STATUS
from traffic.store.log_levels import Levels, levels_asked, understand_levels, unknown_levels
from traffic.store.log_names import LATENCY_LIKE, NAMES, ROLE_OF, STATUS_LIKE, candidates, plain
from traffic.store.log_paths import REQUEST
from traffic.store.log_units import Unit, unit_of_name, unit_of_values

_MOSTLY = 0.9
_NO_CODE = r"^(-|0|000|-1|)$"
_LEVELS = 1_000
_ELSEWHERE = ("host.", "agent.", "process.")
"""Objects whose members speak of who wrote the line."""


@dataclass(frozen=True)
class Meaning:
    """Of a log of one format."""

    fields: Mapping[str, tuple[str, ...]]
    """Role -> the fields that it is taken from, in order."""
    sql: Mapping[str, str]
    """Column of the lines -> SQL of it: t, ms, bytes and the texts."""
    timed: str
    """SQL: whether a line says a time, be it one that cannot be read."""
    errors: str | None
    """SQL of whether a line is an error; None where nothing was understood that says so."""
    told: str
    """How errors are told."""
    unit: Unit | None = None
    zoneless: bool = False
    """Whether there are times that name no zone, where the format does not say which is meant."""
    remarks: tuple[str, ...] = ()


def wanted_fields(names: Sequence[str], named: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Role -> the fields that may play it, the clearest first; what a person named stands alone."""
    known = {name: name for name in names}
    found = {role: candidates(role, known) for role in NAMES}
    found["time"] += ("framed.time",) if "framed.time" in known else ()
    for role in ("time", "endpoint", "method", "status", "level", "latency"):
        inside = [
            name
            for name in names
            if "." in name and not name.lower().startswith(_ELSEWHERE) and _ending(name, ROLE_OF[role])
        ]
        found[role] += tuple(name for name in inside if name not in found[role])
    found["status"] += tuple(name for name in names if STATUS_LIKE.search(name) and name not in found["status"])
    if not found["latency"]:
        found["latency"] = tuple(name for name in names if LATENCY_LIKE.search(name))[:1]
    return found | {role: (name,) if name else () for role, name in named.items()}


def _ending(name: str, known: Mapping[str, int]) -> bool:
    parts = plain(name).split(".")
    return any(".".join(parts[place:]) in known for place in range(1, len(parts)))


@dataclass(frozen=True)
class Look:
    """How a log is looked at."""

    ask: Ask
    column: Mapping[str, str]
    """Field -> its column."""
    named: Mapping[str, str]
    """Role -> the field that a person named."""
    name: str
    """Of the log, for messages."""
    until: float
    """When it was written last, epoch seconds."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Role -> the option that names its field."""

    def share(self, field_: str, good: str) -> tuple[int, int]:
        """Of how many values that are there how many are good."""
        said = _said(self.column[field_])
        (found,) = self.ask(f"SELECT count(*), count(*) FILTER ({good}) FROM raw WHERE {said}")
        return int(found[0]), int(found[1])

    def refuse(self, role: str, field_: str, bad: str, kind: str) -> None:
        """Say which value of a field that a person named is not what it was named for.

        Raises:
            UsageFailure: in any case.
        """
        cell = self.column[field_]
        ((example,),) = self.ask(f"SELECT any_value({cell}) FROM raw WHERE {_said(cell)} AND {bad}")
        option = self.options.get(role, f"--field {role}=")
        raise UsageFailure(
            f"{self.name}: {str(example)[:60]!r} in {field_} ({option}) is not a valid {kind}: use another field"
        )


def _said(cell: str) -> str:
    return f"nullif(trim({cell}), '-') <> ''"


def meaning_of(look: Look, may: Mapping[str, tuple[str, ...]], names: Sequence[str], scale: float | None) -> Meaning:
    """Look at all values of the fields that may play a role.

    Args:
        look: at the log.
        may: role -> fields, the clearest first.
        names: of all fields of the log.
        scale: milliseconds in a unit of the response times, where a person said it.

    Raises:
        UsageFailure: no field is a time, or one that was named is not what it was named for.
    """
    fields: dict[str, tuple[str, ...]] = {}
    fields["time"], t, timed = _time(look, may["time"])
    fields["status"] = tuple(name for name in may["status"] if _is_status(look, name))
    found_levels = {name: levels for name in may["level"] if (levels := _levels(look, name)) is not None}
    fields["level"] = tuple(found_levels)
    fields["latency"], ms, unit = _latency(look, may["latency"], names, scale)
    fields["endpoint"] = tuple(name for name in may["endpoint"] if _is_endpoint(look, name))
    fields["method"] = tuple(name for name in may["method"] if _is_there(look, "method", name, r"^[A-Za-z_-]{1,20}$"))
    for role in ("service", "host", "address", "agent", "referrer"):
        # The duration of a service call is not the name of a service.
        good = r"^[^\d]|^[\d.]*$|[^\d.nums]" if role == "service" else "."
        fields[role] = tuple(name for name in may[role] if _is_there(look, role, name, good))
    fields["bytes"] = tuple(name for name in may["bytes"] if _is_there(look, "bytes", name, r"^\d+(\.0+)?$"))
    ways, told = [], []
    if fields["status"]:
        ways.append(f"TRY_CAST({status_of(look.column, fields['status'])} AS INTEGER) >= {ERROR_STATUS}")
        told.append(f"status >= {ERROR_STATUS} ({', '.join(fields['status'])})")
    for name, levels in found_levels.items():
        wrong = ", ".join(map(text, levels.errors))
        ways.append(f"{look.column[name]} IN ({wrong})" if wrong else "FALSE")
        told.append(f"{levels.told} ({name})")
    errors = f"coalesce({' OR '.join(f'coalesce({way}, FALSE)' for way in ways)}, FALSE)" if ways else None
    return Meaning(
        fields,
        sql={"t": t, "ms": ms, **texts_of(look.column, fields)},
        timed=timed,
        errors=errors,
        told=", ".join(told),
        unit=unit,
        zoneless=_zoneless(look, fields["time"]),
        remarks=tuple(_remarks(look, fields, found_levels, may["level"])),
    )


def _time(look: Look, may: Sequence[str]) -> tuple[tuple[str, ...], str, str]:
    """The fields of the time, the SQL of its seconds, and that of whether it cannot be read."""
    whole: list[str] = []
    days: list[str] = []
    clocks: list[str] = []
    unreadable: list[str] = []
    forms: set[str] = set()
    for name in may:
        cell = look.column[name]
        counts: dict[str | None, int] = dict(
            look.ask(f"SELECT {form_of(cell)}, count(*) FROM raw WHERE {_said(cell)} GROUP BY 1")
        )
        every, unread = sum(counts.values()), counts.pop(None, 0)
        if unread and look.named.get("time") == name:
            look.refuse("time", name, f"{form_of(cell)} IS NULL", "time")
        if not every or unread > (1 - _MOSTLY) * every:
            if every and unread == every:
                unreadable.append(name)
            continue
        of_forms = sum(counts.get(form, 0) for form in FORMS)
        if 2 * of_forms > every:
            whole.append(name)
            forms |= {form for form in FORMS if form in counts}
        else:
            (days if counts.get("day", 0) > counts.get("clock", 0) else clocks).append(name)
    if whole:
        cell = first_of(look.column, whole)
        seconds = seconds_of(cell, look.until, [form for form in FORMS if form in forms])
        return tuple(whole), seconds, f"nullif(trim({cell}), '-') <> ''"
    if days and clocks:
        day, clock = look.column[days[0]], look.column[clocks[0]]
        return (days[0], clocks[0]), seconds_of(joined(day, clock), look.until, ["iso"]), f"{day} IS NOT NULL"
    if days and look.named.get("time") in days:
        cell = look.column[days[0]]
        return (days[0],), f"epoch(TRY_CAST({cell} AS TIMESTAMPTZ))", _said(cell)
    if days:
        raise UsageFailure(
            f"{look.name}: {days[0]} contains dates without a time: use another field with --field time=NAME"
        )
    if unreadable:
        cell = look.column[unreadable[0]]
        ((example,),) = look.ask(f"SELECT any_value({cell}) FROM raw WHERE {_said(cell)}")
        raise UsageFailure(
            f"{look.name}: {str(example)[:60]!r} in {unreadable[0]} is not a supported time (ISO 8601 or seconds "
            "since 1970; zones such as +01:00, Z, UTC or GMT): use another field with "
            f"{look.options.get('time', '--time')}"
        )
    return (), "NULL", "FALSE"


def _zoneless(look: Look, names: Sequence[str]) -> bool:
    cell = first_of(look.column, names)
    zone = r"(Z|z|UTC|GMT|[-+]\d\d:?\d\d|:\d\d([.,]\d+)?[-+]\d\d)(\[.*)?$"
    rows = look.ask(
        f"SELECT 1 FROM raw WHERE {_said(cell)} AND TRY_CAST({cell} AS DOUBLE) IS NULL "
        f"AND NOT regexp_matches(trim({cell}), '{zone}') LIMIT 1"
    )
    return bool(rows)


def _is_status(look: Look, name: str) -> bool:
    cell = look.column[name]
    every, codes = look.share(name, f"regexp_matches(trim({cell}), '{CODE}')")
    _, none = look.share(name, f"regexp_matches(trim({cell}), '{_NO_CODE}')")
    if name in look.named.values():
        return every > 0
    return codes > 0 and codes + none >= _MOSTLY * every


def _levels(look: Look, name: str) -> Levels | None:
    cell = look.column[name]
    rows = look.ask(
        f"SELECT {cell}, count(*) AS n FROM raw WHERE trim({cell}) <> '' GROUP BY 1 ORDER BY n DESC, 1 LIMIT {_LEVELS}"
    )
    found = understand_levels(dict(rows), name)
    every = sum(count for _, count in rows)
    return found if found is not None and 2 * found.lines > every else None


def _latency(
    look: Look, may: Sequence[str], names: Sequence[str], scale: float | None
) -> tuple[tuple[str, ...], str, Unit | None]:
    fields, values, unit = [], [], None
    for name in may:
        cell = look.column[name]
        number = milliseconds_of(cell, 1.0)
        every, fine = look.share(name, f"{number} IS NOT NULL")
        if fine < every and look.named.get("latency") == name:
            look.refuse("latency", name, f"{number} IS NULL", "number")
        if not every or fine < _MOSTLY * every:
            continue
        own = unit_of_name(name, names) or _unit_of(look, cell)
        unit = unit or own
        fields.append(name)
        value = milliseconds_of(cell, scale if scale is not None else own.milliseconds)
        values.append(f"CASE WHEN isfinite({value}) THEN {value} END")
    return tuple(fields), f"coalesce({', '.join(values)})" if values else "NULL::DOUBLE", unit


def _unit_of(look: Look, cell: str) -> Unit:
    number = f"TRY_CAST({cell} AS DOUBLE)"
    rows = look.ask(
        f"SELECT quantile_cont(v, 0.5), quantile_cont(v, 0.99), bool_and(v = round(v)) "
        f"FROM (SELECT {number} AS v FROM raw) WHERE v > 0"
    )
    median, p99, whole = rows[0]
    return Unit("ms", "as it is written") if median is None else unit_of_values(median, p99, bool(whole))


def _is_endpoint(look: Look, name: str) -> bool:
    cell = look.column[name]
    if plain(name) in REQUESTS and name not in look.named.values():
        # Either the path that was requested, or the whole request line.
        every, fine = look.share(name, f"regexp_matches({cell}, '{REQUEST}') OR starts_with({cell}, '/')")
        return every > 0 and 2 * fine >= every
    return look.share(name, "TRUE")[0] > 0


def _is_there(look: Look, role: str, name: str, good: str) -> bool:
    cell = look.column[name]
    every, fine = look.share(name, f"regexp_matches({cell}, '{good}')")
    return every > 0 and (fine >= _MOSTLY * every or role in look.named)


def _remarks(
    look: Look, fields: Mapping[str, tuple[str, ...]], levels: Mapping[str, Levels], may: Sequence[str]
) -> list[str]:
    found = unknown_levels(levels)
    held = [name for name in may if name in look.column]
    if held and not fields["status"] and not levels:
        cell = look.column[held[0]]
        if rows := look.ask(f"SELECT DISTINCT {cell} FROM raw WHERE {cell} <> '' ORDER BY 1 LIMIT 3"):
            found.append(levels_asked([str(level) for (level,) in rows], held[0]))
    if not fields["status"] and levels and not any(one.errors for one in levels.values()):
        found.append("there is no error level and no status field: define errors with --errors")
    return found
