"""Indices of other people's tools, on a real node: their values are those of the documents, or a line says why not.

Each holds the six weeks of `test_elastic_as_it_is`, in another form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.elasticsearch.fixtures import opensearch
from tests.elasticsearch.server import Server
from tests.test_elastic_as_it_is import (
    ADDRESSES,
    END,
    FLOWS,
    KEYS,
    MONDAY,
    SPIKE,
    Documents,
    documents,
    events,
    put,
    run,
)
from tests.test_elastic_values import counters
from traffic.errors import UsageFailure
from traffic.model import HOUR, WEEK, Floats, Grid, Query, Window
from traffic.store import Columns, open_source
from traffic.store.elastic.sample import longest_fall

PLAIN = documents()
OLD, NEW = documents(MONDAY, END - WEEK), documents(END - WEEK, END)
GUESSED = Columns(None, "customer", "bytes")
LATENCY = Columns(None, "customer", "latency")
Part = tuple[Documents, dict[str, Any]]


@dataclass(frozen=True)
class Situation:
    """Documents by index with their mappings, what is asked of them, and what has to come of it."""

    parts: tuple[Part, ...]
    columns: Columns = FLOWS
    key: str = "3"
    """The series that has the event."""
    says: str = ""
    """A pattern of what is said besides; empty: nothing."""
    values: Documents = field(default_factory=lambda: PLAIN)
    """Documents in the usual form whose sums are the right values, where that is to be checked."""


def named(there: Documents, *names: Any) -> Documents:
    return [{**one, "customer": names[int(one["customer"]) - 1]} for one in there]


def marked(value: Any, name: str = "bytes") -> Documents:
    """One of key 2 in forty has that value."""
    there = [{**one, "latency": one["bytes"] / 1000} for one in PLAIN]
    return [{**one, name: value} if is_marked(one) else one for one in there]


def is_marked(one: dict[str, Any]) -> bool:
    return bool(one["customer"] == "2" and one["@timestamp"] // 1000 // HOUR % 40 == 0)


def of_two(there: Documents, first: int = 1, second: int = 3) -> Documents:
    """The same of two interfaces of each customer."""
    kept = [(name, times) for name, times in (("eth0", first), ("eth1", second))]
    return [{**one, "interface": name, "bytes": one["bytes"] * times} for one in there for name, times in kept]


def written(how: Callable[[datetime, int], Any]) -> Documents:
    """Times in another form."""
    times = [datetime.fromtimestamp(one["@timestamp"] // 1000, UTC) for one in PLAIN]
    return [{**one, "@timestamp": how(time, place)} for place, (one, time) in enumerate(zip(PLAIN, times, strict=True))]


def flows() -> Documents:
    """Flows of an hour, of which Packetbeat writes four reports, each with the total so far."""
    found = []
    for one in PLAIN:
        for part in range(1, 5):
            report = {"@timestamp": one["@timestamp"] + part * 800_000, "bytes": one["bytes"] * part // 4}
            found.append({**one, **report, "flow": {"final": part == 4}})
    return found


UNMARKED = [one for one in PLAIN if not is_marked(one)]
AHEAD = [{**one, "@timestamp": one["@timestamp"] + 30 * 365 * 86_400_000} for one in PLAIN]
MARK = r"25 documents have {} in {}, which is treated as missing.*; 25 hold a marker for a missing"
NANOS = "%Y-%m-%dT%H:59:59.999999999Z"
EAST = timezone(timedelta(hours=2))
SITUATIONS = {
    "-1 where nothing was measured": Situation(((marked(-1), {}),), says=MARK.format("-1", "bytes"), values=UNMARKED),
    "4294967295 where nothing was measured": Situation(
        ((marked(2**32 - 1), {}),), says=MARK.format("4294967295", "bytes"), values=UNMARKED
    ),
    "65535 in a latency": Situation(
        ((marked(65535, "latency"), {"latency": "double"}),), LATENCY, says=MARK.format("65535", "latency"), values=[]
    ),
    "the largest number of 64 bits": Situation(
        ((marked(2**63 - 1), {}),), says=MARK.format("9223372036854775807", "bytes"), values=UNMARKED
    ),
    "nothing counts as missing": Situation(((marked(-1), {}),), replace(FLOWS, missing=()), values=marked(-1)),
    "-1 is said to be missing": Situation(
        ((marked(-1), {}),), replace(FLOWS, missing=(-1.0,)), says="25 hold a marker", values=UNMARKED
    ),
    "a mapping gives -1 to null": Situation(
        ((marked(None), {"bytes": {"type": "long", "null_value": -1}}),),
        says=MARK.format("-1", "bytes"),
        values=UNMARKED,
    ),
    "every document twice": Situation(
        ((PLAIN + PLAIN, {}),),
        GUESSED,
        says="9. % of the newest|100 % of the newest documents are there again",
        values=[],
    ),
    "the last week twice": Situation(
        ((PLAIN + NEW, {}),),
        GUESSED,
        says="100 % of the newest documents are there again, .*both are counted",
        values=[],
    ),
    "interfaces of a customer are not twice the same": Situation(
        ((of_two(PLAIN), {}),), FLOWS, values=[{**one, "bytes": one["bytes"] * 4} for one in PLAIN]
    ),
    "reports of flows that go on": Situation(
        ((flows(), {}),), says=r"9,072 documents are of flows that go on .*so sums are too high", values=[]
    ),
    "a network where others have addresses": Situation(
        ((named(OLD, "10.0.0.0/8", *ADDRESSES[1:]), {}), (named(NEW, *ADDRESSES), {"customer": "ip"})),
        key=ADDRESSES[2],
        says="customer is an ip in",
        values=[*named(OLD, "10.0.0.0/8", *ADDRESSES[1:]), *named(NEW, *ADDRESSES)],
    ),
    "an address in capitals": Situation(
        ((named(OLD, "FE80::1", *ADDRESSES[1:]), {}), (named(NEW, "fe80::1", *ADDRESSES[1:]), {"customer": "ip"})),
        key=ADDRESSES[2],
        says="customer is an ip in .*2 keys differ from others only in case or blanks",
        values=[*named(OLD, "FE80::1", *ADDRESSES[1:]), *named(NEW, "fe80::1", *ADDRESSES[1:])],
    ),
    "names with zeros in front where others have numbers": Situation(
        ((named(OLD, "01", "2", "3"), {}), (NEW, {"customer": "long"})),
        says="customer is a keyword in",
        values=[*named(OLD, "01", "2", "3"), *NEW],
    ),
    "names that differ in case and blanks": Situation(
        ((named(PLAIN, "Site A", "site a", "site  a "), {}),),
        key="site  a ",
        says=r"3 keys differ from others only in case or blanks, such as 'Site A' and 'site  a ', and are series of",
        values=named(PLAIN, "Site A", "site a", "site  a "),
    ),
    "times of nanoseconds that end just before the hour": Situation(
        ((written(lambda time, _: time.strftime(NANOS)), {"@timestamp": "date_nanos"}),)
    ),
    "times with an offset, and seconds": Situation(
        (
            (
                written(
                    lambda time, place: round(time.timestamp()) if place % 2 else time.astimezone(EAST).isoformat()
                ),
                {"@timestamp": {"type": "date", "format": "strict_date_optional_time||epoch_second"}},
            ),
        )
    ),
    "times that have not been yet": Situation(
        ((AHEAD, {}),), says=r"the newest @timestamp is 2056-.*, which has not been yet: check clocks and", values=[]
    ),
    "values in arrays": Situation(
        (([{**one, "bytes": [one["bytes"] // 2, one["bytes"] - one["bytes"] // 2]} for one in PLAIN], {}),)
    ),
    "fields under other names": Situation(
        (
            (
                PLAIN,
                {
                    "name": {"type": "alias", "path": "customer"},
                    "octets": {"type": "alias", "path": "bytes"},
                    "when": {"type": "alias", "path": "@timestamp"},
                },
            ),
        ),
        Columns("when", "name", "octets", statistic="sum"),
    ),
    "whole numbers, floats and doubles": Situation(
        ((OLD[:999], {}), (OLD[999:], {"bytes": "double"}), (NEW, {"bytes": "float"}))
    ),
    "numbers beyond those that floats say exactly": Situation(
        ((named(PLAIN, *(2**53 + place for place in (0, 1, 2))), {"customer": "long"}),),
        key=str(2**53 + 2),
        values=named(PLAIN, *(str(2**53 + place) for place in (0, 1, 2))),
    ),
    "keys with commas, quotes, slashes, line ends and signs that turn the text": Situation(
        ((named(PLAIN, "a,\"b'", "a/b\\c*?", "ключ\t\n\u202eü" + "x" * 8000), {}),),
        key="ключ\t\n\u202eü" + "x" * 8000,
        values=named(PLAIN, "a,\"b'", "a/b\\c*?", "ключ\t\n\u202eü" + "x" * 8000),
    ),
    "values and keys that are malformed": Situation(
        (
            (
                [*named(PLAIN, *ADDRESSES), *({**one, "customer": ADDRESSES[0], "bytes": "n/a"} for one in PLAIN[:3])]
                + [{**one, "customer": "host"} for one in PLAIN[:2]],
                {
                    "bytes": {"type": "long", "ignore_malformed": True},
                    "customer": {"type": "ip", "ignore_malformed": True},
                },
            ),
        ),
        key=ADDRESSES[2],
        says=r"3 have no bytes; 2 have a customer longer than its mapping allows \(ignore_above\), or malformed",
        values=named(PLAIN, *ADDRESSES),
    ),
}


def right(there: Documents, keys: tuple[str, ...]) -> Floats:
    """The sums of each key and hour."""
    found = np.zeros((len(keys), (END - MONDAY) // HOUR))
    for one in there:
        found[keys.index(str(one["customer"])), (one["@timestamp"] // 1000 - MONDAY) // HOUR] += one["bytes"]
    return found


@pytest.mark.parametrize("name", SITUATIONS)
def test_values_are_those_of_the_documents_and_what_is_odd_is_said(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path, name: str
) -> None:
    told = SITUATIONS[name]
    for place, (there, mappings) in enumerate(told.parts):
        put(elasticsearch, f"{elasticsearch_index}-{place}", there, **mappings)
    store = f"{elasticsearch.url}/{elasticsearch_index}-*"
    source = open_source(store, told.columns)
    for _ in range(2):
        # From the cache as well.
        found = run(store, tmp_path, told.columns, floor=0.0)
        said = "; ".join((*source.notes(), found.coverage.sentence()))
        assert re.search(told.says or rf"^read all {found.coverage.rows:,} documents$", said), said
        shift = 30 * 365 * 86_400 if told.parts[0][0] is AHEAD else 0
        assert events(found) == [(told.key, SPIKE + shift)]
        assert found.coverage.read == found.coverage.used
    if told.values:
        keys = tuple(sorted({str(one["customer"]) for one in told.values}))
        assert tuple(source.keys(Window(MONDAY, END))) == keys
        values = source.series(Query(source.metric, keys, Window(MONDAY, END), HOUR)).values
        np.testing.assert_allclose(np.nan_to_num(values), right(told.values, keys), rtol=1e-6)


KEYWORD: dict[str, Any] = {"labels": "keyword"}
REFUSED: dict[str, tuple[Documents, dict[str, Any], Columns, str]] = {
    "totals of two interfaces of each customer": (of_two(counters()), {}, GUESSED, "of which one customer has 2,"),
    "the same as said": (of_two(counters()), {}, replace(GUESSED, counter=True, statistic="avg"), "running total"),
    "the same by its mapping": (
        of_two(counters()),
        {"bytes": {"type": "long", "time_series_metric": "counter"}},
        GUESSED,
        "running total, of which one customer has 2,",
    ),
    "totals that are told of one after the other": (
        [{**one, "@timestamp": one["@timestamp"] + 7000 * (one["interface"] == "eth1")} for one in of_two(counters())],
        {},
        GUESSED,
        "of which one customer has 2,",
    ),
    "totals of two interfaces of one of the customers": (
        [one for one in of_two(counters()) if one["customer"] == "3" or one["interface"] == "eth0"],
        {},
        GUESSED,
        "of which one customer has 2,",
    ),
    "a field that is an object in the newest index": (
        [
            *({**one, "labels": one["customer"]} for one in OLD[-9:]),
            *({**one, "labels": {"customer": one["customer"]}} for one in NEW[:9]),
        ],
        {},
        replace(FLOWS, key="labels"),
        r"labels \(--key\) is of the type object in .*-1: use a field",
    ),
    "a counter under another name": (
        counters(),
        {"bytes": {"type": "long", "time_series_metric": "counter"}, "octets": {"type": "alias", "path": "bytes"}},
        Columns(None, "customer", "octets", statistic="sum"),
        r"octets \(--value\) is a counter \(time_series_metric: counter\)",
    ),
    "lists of objects": (
        [
            {"@timestamp": PLAIN[at]["@timestamp"], "flows": [{**one, "@timestamp": 0} for one in PLAIN[at : at + 3]]}
            for at in range(0, len(PLAIN), 3)
        ],
        {"flows": {"properties": {"customer": {"type": "keyword"}, "bytes": {"type": "long"}}}},
        Columns(None, "flows.customer", "flows.bytes", statistic="sum"),
        "several flows.customer and several flows.bytes, as lists of objects become",
    ),
    "documents that stand for ten": (
        [{**one, "_doc_count": 10} for one in PLAIN],
        {},
        FLOWS,
        r"count more than once, because they stand for several \(_doc_count,",
    ),
    "documents with two times": (
        [{**one, "@timestamp": [one["@timestamp"], one["@timestamp"] + HOUR * 1000]} for one in PLAIN],
        {},
        FLOWS,
        "count more than once, .* or have several times",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_told_is_refused_with_what_to_do(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path, name: str
) -> None:
    there, mappings, columns, says = REFUSED[name]
    # An index cannot hold both an object and a name.
    parts = [[one for one in there if isinstance(one.get("labels"), dict) is inner] for inner in (False, True)]
    for place, part in enumerate(part for part in parts if part):
        put(elasticsearch, f"{elasticsearch_index}-{place}", part, **(mappings | ({} if place else KEYWORD)))
    with pytest.raises(UsageFailure, match=says):
        run(f"{elasticsearch.url}/{elasticsearch_index}-*", tmp_path, columns)


def test_totals_that_two_senders_write_are_those_of_one(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    put(elasticsearch, elasticsearch_index, counters() + counters())
    store = f"{elasticsearch.url}/{elasticsearch_index}"
    assert events(run(store, tmp_path, GUESSED, floor=0.0)) == [("3", SPIKE)]
    source = open_source(store, GUESSED)
    values = source.series(Query(source.metric, ("2",), Window(MONDAY + HOUR, END), HOUR)).values
    expected = [one["bytes"] * 8 / HOUR for one in PLAIN if one["customer"] == "2"][1:]
    np.testing.assert_allclose(values[0], expected)


def test_a_filter_that_leaves_reports_of_flows_out_is_the_end_of_the_remark(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    put(elasticsearch, elasticsearch_index, flows())
    file = tmp_path / "filter.json"
    file.write_text(json.dumps({"term": {"flow.final": True}}))
    source = open_source(f"{elasticsearch.url}/{elasticsearch_index}", replace(FLOWS, filter_file=file))
    assert source.notes() == []
    grid = Grid.over(Window(MONDAY, END), HOUR)
    values = source.series(Query(source.metric, KEYS, grid.window, HOUR)).values
    np.testing.assert_array_equal(values, right(PLAIN, KEYS))


@opensearch
@pytest.mark.parametrize("there", [named(PLAIN, *(2**63 + place for place in (0, 1, 2)))], ids=["beyond 63 bits"])
def test_keys_of_64_bits_without_a_sign_are_told_apart(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path, there: Documents
) -> None:
    put(elasticsearch, elasticsearch_index, there, customer="unsigned_long")
    found = run(f"{elasticsearch.url}/{elasticsearch_index}", tmp_path)
    assert found.keys == tuple(str(2**63 + place) for place in (0, 1, 2))
    assert events(found) == [(str(2**63 + 2), SPIKE)]


@given(st.lists(st.integers(0, 9), max_size=9))
def test_the_longest_fall_is_that_of_all_that_could_be_chosen(values: list[int]) -> None:
    chosen = (some for size in range(len(values) + 1) for some in combinations(values, size))
    longest = max(len(some) for some in chosen if all(one > other for one, other in pairwise(some)))
    assert longest_fall(np.array(values, dtype=float)) == longest
