"""Which fields of an index say what of a line of a log: guessed by their names, then held against what they hold.

One index may call a thing this and another that, as after a change of layout: of what a line does not say under the
first name the next one is asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from traffic.store.elastic.answers import finite, text_of, understood, whole
from traffic.store.elastic.bodies import Body
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.fields import KEYS, NUMBERS, TIMES, readable
from traffic.store.log_fields import ERROR_STATUS, ROLES, LogFields, errors_told, recognise, renamed
from traffic.store.log_levels import Levels, understand_levels, unknown_levels
from traffic.store.log_names import candidates
from traffic.store.log_units import Unit, unit_of_name, unit_of_values

_CODE = re.compile(r"[1-5]\d\d(\.0+)?( .*)?|-|0|000|-1|")
"""What a status may be: a code, or none."""
_MOSTLY = 0.9
_VALUES = 1_000
_TYPES = {"time": TIMES, "latency": NUMBERS, "bytes": NUMBERS}
_WHOLE = {"byte", "short", "integer", "long", "unsigned_long"}
_ALONE = {"time", "latency", "bytes"}
"""Roles of one field only: percentiles of two are none of both."""


@dataclass(frozen=True)
class LogRoles:
    """What was found out."""

    known: LogFields
    """Of each role the field that comes first."""
    fields: Mapping[str, tuple[str, ...]]
    """Role -> all of its fields, in order."""
    errors: Body | None = None
    """The query for the lines that are errors; None where nothing tells."""
    told: str | None = None
    """How they are told."""
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def shown(self) -> dict[str, str]:
        """Role -> its fields as one text, of those that are there."""
        return {role: ", ".join(self.fields[role]) for role in ROLES if self.fields[role]}


def log_roles(
    cluster: Cluster, types: Mapping[str, set[str]], named: Mapping[str, str], also: Body | None, ask: bool = True
) -> LogRoles:
    """Look at the names, then at the values of what may be a status, a level or a response time: by one search.

    Args:
        cluster: that has the lines.
        types: of all fields.
        named: role -> the field that a person named for it, '' for none.
        also: the query that lines have to meet.
        ask: whether the values matter.
    """
    read = readable(types)
    known = renamed(recognise(read), named)
    fields = {role: _able(role, read, types) for role in ROLES}
    for role, name in named.items():
        fields[role] = (name,) if name else ()
    for role in _ALONE:
        one = getattr(known, role)
        fields[role] = () if one is None else (one,)
    values = _values(cluster, fields, known, types, also) if ask else {}
    fields["status"] = tuple(
        name for name in fields["status"] if name in named.values() or _are_codes(values.get(name))
    )
    levels = {name: found for name in fields["level"] if (found := _levels(values.get(name), name)) is not None}
    fields["level"] = tuple(levels)
    first: dict[str, Any] = {role: next(iter(fields[role]), None) for role in ROLES if role not in _ALONE}
    known = replace(known, **first)
    notes = []
    if known.latency is not None:
        if unit_of_name(known.latency, types) is None and "half" in values:
            known = replace(known, unit=_unit(values["half"], types.get(known.latency, set())))
        notes.append(f"response times: {known.latency} in {known.unit.name}, {known.unit.why} (--scale overrides this)")
    told = errors_told(replace(known, status=", ".join(fields["status"]) or None, level=None))
    said = [told] if told else []
    said += [f"{found.told} ({name})" for name, found in levels.items()]
    remarks = unknown_levels(levels)
    if fields["status"] or levels:
        kinds = {name: types.get(name, set()) for name in fields["status"]}
        errors: Body | None = wrong_lines(kinds, {name: found.errors for name, found in levels.items()})
    else:
        errors = None
    return LogRoles(known, fields, errors, ", ".join(said) or None, tuple(notes), tuple(remarks))


def _able(role: str, read: Mapping[str, str], types: Mapping[str, set[str]]) -> tuple[str, ...]:
    """The fields that may play a role by their names and types, the clearest first."""
    good = _TYPES.get(role, KEYS)
    # The keyword below a text and the text itself are read as one.
    return tuple(dict.fromkeys(name for name in candidates(role, read) if types[name] <= good))


def wrong_lines(status: Mapping[str, set[str]], levels: Mapping[str, Sequence[str]]) -> Body:
    """The query for the lines that are errors.

    Args:
        status: the fields that hold one, with their types.
        levels: the fields that hold one -> those that are errors, as they are written.
    """
    ways = [_wrong_status(name, kinds) for name, kinds in status.items()]
    ways += [{"terms": {name: list(wrong)}} for name, wrong in levels.items() if wrong]
    return {"bool": {"should": ways, "minimum_should_match": 1}} if ways else {"match_none": {}}


def _wrong_status(name: str, kinds: set[str]) -> Body:
    if kinds & NUMBERS:
        return {"range": {name: {"gte": ERROR_STATUS}}}
    # A number that was stored as text is in no order but that of its digits.
    return {"prefix": {name: str(ERROR_STATUS)[0]}}


def _values(
    cluster: Cluster,
    fields: Mapping[str, tuple[str, ...]],
    known: LogFields,
    types: Mapping[str, set[str]],
    also: Body | None,
) -> dict[str, Any]:
    """Value -> lines, of what may be a status or a level; under `half` the middle and the top of response times."""
    # What is a number here and a text there cannot be listed together: it is taken at its name.
    asked = [name for role in ("status", "level") for name in fields[role] if len(types.get(name, {""})) == 1]
    wanted: Body = {str(place): {"terms": {"field": name, "size": _VALUES}} for place, name in enumerate(asked)}
    if known.latency is not None and unit_of_name(known.latency, types) is None:
        above = {"range": {known.latency: {"gt": 0}}}
        percents = {"percentiles": {"field": known.latency, "percents": [50.0, 99.0], "keyed": False}}
        wanted["half"] = {"filter": above, "aggs": {"at": percents}}
    if not wanted:
        return {}
    body = {"size": 0, "track_total_hits": False, "query": also or {"match_all": {}}, "aggs": wanted}
    answer = cluster.search(body, "aggregations")
    with understood(cluster.name):
        found = answer["aggregations"]
        told: dict[str, Any] = {
            name: {text_of(one): whole(one["doc_count"]) for one in found[str(place)]["buckets"]}
            for place, name in enumerate(asked)
        }
        if "half" in found and found["half"]["doc_count"]:
            told["half"] = tuple(finite(one["value"]) for one in found["half"]["at"]["values"])
    return told


def _are_codes(values: Mapping[str, int] | None) -> bool:
    """Whether a field holds codes of answers; of what could not be listed, its name counts."""
    if values is None:
        return True
    codes = sum(count for value, count in values.items() if _CODE.fullmatch(value.strip()))
    there = any(value.strip()[:1] in set("12345") for value in values)
    return there and codes >= _MOSTLY * sum(values.values())


def _levels(values: Mapping[str, int] | None, name: str) -> Levels | None:
    found = None if values is None else understand_levels(values, name)
    return found if found is not None and values is not None and 2 * found.lines > sum(values.values()) else None


def _unit(half: tuple[float, float], kinds: set[str]) -> Unit:
    return unit_of_values(half[0], half[1], kinds <= _WHOLE)
