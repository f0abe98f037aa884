"""The queries in input/, which users may edit: they are read and checked before anything is sent.

A placeholder is an object in place of a whole value, `{"$": "start"}`. It is replaced by a value of its type, so
nothing that is inserted can become part of the query's syntax. If a file has a value instead, as those of
kentik_event_discovery do, the value is replaced by the placeholder, identified by its key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.model import BITS, Metric
from traffic.store.kentik.widths import FAST, FULL, FULL_REACH, WIDTHS, Width

CUSTOMERS = "kentik_query_customers.json"
SERIES = "kentik_query_tsData.json"

MOST = 40
"""Rows of an answer that may have a series, and therefore customers per request."""
FILTERS = ("filters_obj", "filters")
"""Names of the filters of a query in the portal and the SDK."""
_MARK = "$"
_WINDOW = frozenset(("start", "end"))
_NEEDED = {CUSTOMERS: _WINDOW, SERIES: _WINDOW | {"customers", "minsPolling", "forceMinsPolling"}}
_KNOWN = {CUSTOMERS: _WINDOW, SERIES: _NEEDED[SERIES] | {"fastData"}}
_LARGEST = 1 << 20

# Dimension of a query -> the field by which its values are chosen.
_FIELDS = {"AS_dst": "dst_as", "AS_src": "src_as"}
_BYTES = ("bytes", "in_bytes", "out_bytes")
_UNITS = {"packets": "packet/s", "in_packets": "packet/s", "out_packets": "packet/s", "fps": "flow/s"}


@dataclass(frozen=True)
class Template:
    """A file in input/: a request with placeholders."""

    path: Path
    text: str
    """Its text as read: it determines the answers, so it is part of the store's fingerprint."""
    body: Mapping[str, Any]
    filled: tuple[str, ...] = ()
    """What had a value, or was missing, and is set in every request."""

    @property
    def query(self) -> Mapping[str, Any]:
        """Its only query."""
        found: Mapping[str, Any] = self.body["queries"][0]["query"]
        return found

    @property
    def bucket(self) -> str:
        """The name of its bucket in the answer."""
        return str(self.body["queries"][0].get("bucket", ""))

    @property
    def field(self) -> str:
        """The field that selects customers."""
        return _FIELDS[_names(self.query["dimension"])[0]]

    @property
    def most(self) -> int:
        """Number of rows with a series that it allows in an answer."""
        limits = [self.query.get(name) for name in ("topx", "depth")]
        return max(1, min([MOST, *(limit for limit in limits if isinstance(limit, int))]))

    @property
    def data(self) -> str | None:
        """Full or Fast, if the file requires one."""
        said = self.query.get("fastData")
        return said if isinstance(said, str) else None

    @property
    def metric(self) -> Metric:
        """Its metric: bits per second, unless it is for something other than bytes."""
        name = _names(self.query["metric"])[0]
        if name in _BYTES:
            # Like our own stores: bytes, added up, in bit/s. But an empty bucket is missing here, not zero.
            return replace(BITS, empty="missing")
        return Metric(name, name, "avg", unit=_UNITS.get(name, ""), empty="missing")

    def width(self, resolution: int) -> Width:
        """How buckets of `resolution` seconds are requested, as far as the file leaves that open.

        Raises:
            UsageFailure: Kentik has no such points.
        """
        found = WIDTHS.get(resolution)
        if found is None:
            able = ", ".join(f"{seconds // 60}m" for seconds in WIDTHS)
            raise UsageFailure(f"Kentik has no points every {resolution} s: use a --resolution of {able}")
        data = self.data or found.data
        reach = min(found.reach, FULL_REACH) if data == FULL else found.reach
        return Width(found.minutes, found.forced, reach, data)


def read_template(folder: Path, name: str) -> Template:
    """The file `name` of `folder`, checked.

    Raises:
        UsageFailure: it is missing, is not such a query, or does not have the required placeholders.
        StorageFailure: it exists but cannot be read.
    """
    path = folder / name
    with storage(path):
        if not path.is_file():
            raise UsageFailure(f"{path} is missing; it contains the query for Kentik: restore it from the release")
        raw = path.read_bytes()
    try:
        if len(raw) > _LARGEST:
            raise ValueError("it is larger than 1 MiB")
        text = raw.decode("utf-8")
        body = json.loads(text, parse_constant=_no_number)
        list(_placeholders(body))
    except (ValueError, RecursionError) as error:
        raise UsageFailure(f"{path} is not valid JSON ({_short(error)}): correct it") from None
    _check(path, body)
    filled = _fill_in(path, body["queries"][0]["query"], name)
    found = list(_placeholders(body))
    for mark in found:
        if mark not in _KNOWN[name]:
            raise UsageFailure(f"{path}: unknown placeholder {mark:.60}; use {', '.join(sorted(_KNOWN[name]))}")
    for mark in sorted(_NEEDED[name] - set(found)):
        raise UsageFailure(f'{path}: the placeholder {{"{_MARK}": "{mark}"}} is missing: put it where the value goes')
    template = Template(path, text, body, filled)
    _check_limits(template)
    if name == SERIES:
        _check_series(template)
    else:
        _check_filters(path, template.query)
    return template


def _check(path: Path, body: Any) -> None:
    queries = body.get("queries") if isinstance(body, dict) else None
    if not isinstance(queries, list) or len(queries) != 1 or not isinstance(queries[0], dict):
        raise UsageFailure(f'{path} must contain one query: {{"queries": [{{"bucket": ..., "query": {{...}}}}]}}')
    query, bucket = queries[0].get("query"), queries[0].get("bucket")
    if not isinstance(query, dict):
        raise UsageFailure(f'{path}: its query has no "query": {{...}}')
    if not isinstance(bucket, str) or not bucket:
        raise UsageFailure(f'{path}: its query needs a "bucket", a string that names the answer')
    for name, example in (("metric", "bytes"), ("dimension", "AS_dst")):
        if len(_names(query.get(name))) != 1:
            raise UsageFailure(f'{path}: "{name}" must name one, such as ["{example}"]')
    if _names(query["dimension"])[0] not in _FIELDS:
        raise UsageFailure(
            f'{path}: "dimension" must be one of {", ".join(_FIELDS)}: customers are identified by AS number'
        )
    if query.get("lookback_seconds") != 0:
        raise UsageFailure(f'{path}: "lookback_seconds" must be 0, or Kentik ignores the requested times')


def _fill_in(path: Path, query: dict[str, Any], name: str) -> tuple[str, ...]:
    """Insert placeholders for fixed or missing times and widths; returns which.

    Raises:
        UsageFailure: its filters leave no room for the requested customers.
    """
    keys = {"starting_time": "start", "ending_time": "end"}
    if name == SERIES:
        keys |= {"minsPolling": "minsPolling", "forceMinsPolling": "forceMinsPolling"}
        if query.get("fastData") not in (FULL, FAST):
            keys["fastData"] = "fastData"
    filled = [key for key in keys if not isinstance(query.get(key), dict)]
    query.update({key: {_MARK: keys[key]} for key in filled})
    if name == SERIES and "customers" not in _placeholders(query):
        _check_filters(path, query)
        where = next((one for one in FILTERS if one in query), FILTERS[0])
        held = query.setdefault(where, {"connector": "All", "filterGroups": []})
        field = _FIELDS[_names(query["dimension"])[0]]
        chosen = {"filterField": field, "operator": "=", "filterValue": {_MARK: "customers"}}
        group = {"connector": "All", "not": False, "filters": [chosen]}
        held["filterGroups"] = [*held.get("filterGroups", []), group]
        filled.append(f"a filter on {field}")
    return tuple(filled)


def _check_limits(template: Template) -> None:
    for name in ("topx", "depth"):
        limit = template.query.get(name, 1)
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise UsageFailure(
                f'{template.path}: "{name}" must be a whole number of at least 1, not {json.dumps(limit):.40}'
            )


def _check_filters(path: Path, query: Mapping[str, Any]) -> None:
    """Check that there is room for a separate group of filters, which selects or excludes customers."""
    for name in FILTERS:
        held = query.get(name, {})
        if not isinstance(held, dict) or not isinstance(held.get("filterGroups", []), list):
            raise UsageFailure(f'{path}: "{name}" must be {{"connector": "All", "filterGroups": [...]}}, or left out')
        if held.get("connector", "All") != "All":
            raise UsageFailure(
                f'{path}: the "connector" of "{name}" must be "All"; put alternatives into one of its '
                f'groups with "connector": "Any"'
            )


def _check_series(template: Template) -> None:
    aggregates = template.query.get("aggregates")
    if not isinstance(aggregates, list) or not any(isinstance(a, dict) and a.get("raw") is True for a in aggregates):
        raise UsageFailure(f'{template.path}: one of "aggregates" needs "raw": true, or Kentik sends no series')


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def mark_of(value: Any) -> str | None:
    """The name of a placeholder, if the value is one."""
    return value[_MARK] if isinstance(value, dict) and set(value) == {_MARK} else None


def _placeholders(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and _MARK in value:
        yield value[_MARK] if set(value) == {_MARK} and isinstance(value[_MARK], str) else json.dumps(value)
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _placeholders(inner)


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is not a valid JSON number")


def _short(error: Exception) -> str:
    return str(error)[:120]
