"""Indices as people have them, on a real node: the right event, or a remark or refusal that a person understands.

docs/elasticsearch.md has the table of these situations. Each index holds six weeks of hourly documents of three
customers, of which the last has eight times its traffic for two hours.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analyzer.model import Findings, Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.scope import Scope
from tests.elasticsearch.server import Server
from traffic.coverage import OTHER_KEYS
from traffic.errors import UsageFailure
from traffic.model import HOUR, WEEK, week_start
from traffic.store import Columns, open_source
from traffic.store.access import Access

MONDAY = week_start(1_792_000_000)
END = MONDAY + 6 * WEEK
SPIKE = END - 4 * 24 * HOUR + 14 * HOUR
KEYS = ("1", "2", "3")
FLOWS = Columns(None, "customer", "bytes", statistic="sum")
Documents = list[dict[str, Any]]


def documents(start: int = MONDAY, end: int = END, keys: tuple[str, ...] = KEYS, spike: bool = True) -> Documents:
    """A document a key and hour; the last of the keys has the spike."""
    found = []
    for time in range(start, end, HOUR):
        for place, key in enumerate(keys):
            value = 1000 * (place + 1) * (1 + math.sin((time / HOUR - 6) / 12 * math.pi) / 2)
            value *= 8 if spike and key == keys[-1] and SPIKE <= time < SPIKE + 2 * HOUR else 1
            # Some noise, the same in every run.
            value *= 1 + (time // HOUR * 7919 + place * 104_729) % 1000 / 5000
            found.append({"@timestamp": time * 1000, "customer": key, "bytes": round(value)})
    return found


def put(server: Server, index: str, there: Documents, shards: int = 1, **fields: Any) -> None:
    """An index with these documents; `fields` are types, or whole mappings, that differ from the usual ones."""
    usual: dict[str, Any] = {"@timestamp": "date", "customer": "keyword", "bytes": "long"}
    properties = {name: {"type": kind} if isinstance(kind, str) else kind for name, kind in (usual | fields).items()}
    settings = {"number_of_replicas": 0, "number_of_shards": shards}
    server.call("PUT", f"/{index}", {"settings": settings, "mappings": {"properties": properties}})
    lines = [line for one in there for line in (b'{"create":{}}', json.dumps(one).encode())]
    answer = server.call("POST", f"/{index}/_bulk?filter_path=errors&refresh=true", b"\n".join(lines) + b"\n")
    assert answer == {"errors": False}


def run(
    store: str,
    output: Path,
    columns: Columns = FLOWS,
    login: Access | None = None,
    scope: dict[str, Any] | None = None,
    **policy: Any,
) -> Findings:
    """What discover finds, in buckets of an hour."""
    source = open_source(store, columns, login or Access(wait=5.0))
    search = Search(output, Policy(**policy), Scope(resolution=HOUR, now=END + WEEK, **(scope or {})))
    return discover(source, search, None, Ledger(), lambda _done, _total: None)


def events(found: Findings) -> list[tuple[str, int]]:
    return [(event.key, event.start) for event in found.events]


def _types(old: Any, new: Any, keys: tuple[str, ...] = KEYS) -> Callable[[Server, str], None]:
    def make(server: Server, index: str) -> None:
        put(server, f"{index}-old", documents(MONDAY, END - WEEK, keys), customer=old)
        put(server, f"{index}-new", documents(END - WEEK, END, keys), customer=new)

    return make


def _and(*more: dict[str, Any], **fields: Any) -> Callable[[Server, str], None]:
    return lambda server, index: put(server, f"{index}-a", [*documents(), *more], **fields)


def _closed(server: Server, index: str) -> None:
    put(server, f"{index}-old", documents(spike=True))
    put(server, f"{index}-shut", documents(END, END + WEEK))
    server.call("POST", f"/{index}-shut/_close")


ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
TRUTH = ("false", "true")
ONE = {"customer": "1", "bytes": 5}
SITUATIONS: dict[str, tuple[Callable[[Server, str], None], str, str]] = {
    "plain": (_and(), "3", "read all 3,024 documents"),
    "an address in one index, a name in the other": (_types("keyword", "ip", ADDRESSES), "10.0.0.3", "read all 3,024"),
    "a number in one index, a name in the other": (_types("keyword", "long"), "3", "read all 3,024"),
    "a name in one index, a number in the other": (_types("integer", "keyword"), "3", "read all 3,024"),
    "a truth value in one index, a name in the other": (_types("boolean", "keyword", TRUTH), "true", "read all 2,016"),
    "a document of 1970 and one of the future": (
        _and({"@timestamp": 0, **ONE}, {"@timestamp": 4_000_000_000_000, **ONE}),
        "3",
        "2 are far from all others in time (1970-01-01T00:00:00Z to 2096-10-02T07:06:40Z)",
    ),
    "a document without a time": (_and(ONE), "3", "1 has no @timestamp"),
    "a document without a key, one with an empty one": (
        _and({"@timestamp": MONDAY * 1000, "bytes": 5}, {"@timestamp": MONDAY * 1000, "customer": "", "bytes": 5}),
        "3",
        "2 have no customer",
    ),
    "a document without a value": (_and({"@timestamp": MONDAY * 1000, "customer": "1"}), "3", "1 has no bytes"),
    "a key longer than ignore_above": (
        _and(
            {"@timestamp": MONDAY * 1000, "customer": "a name that is too long", "bytes": 5},
            customer={"type": "keyword", "ignore_above": 10},
        ),
        "3",
        "1 has a customer longer than its mapping allows (ignore_above)",
    ),
    "an index that is closed": (_closed, "3", "an unknown number of documents are in the closed index"),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_event_is_found_and_what_was_left_out_is_said(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path, situation: str
) -> None:
    make, key, says = SITUATIONS[situation]
    make(elasticsearch, elasticsearch_index)
    for _ in range(2):
        # Also when all comes from the cache.
        found = run(f"{elasticsearch.url}/{elasticsearch_index}-*", tmp_path)
        assert events(found) == [(key, SPIKE)]
        assert says in found.coverage.sentence()
        assert found.coverage.explained
        assert found.coverage.whole == (says.startswith("read all"))
        # What fell into buckets is what the index counts.
        assert found.coverage.held == (found.coverage.used,) * 2
        assert found.coverage.read == found.coverage.used


@pytest.mark.parametrize("situation", [name for name in SITUATIONS if "use a single index" in name or name == "plain"])
def test_documents_of_some_keys_are_counted_apart_whatever_their_type(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path, situation: str
) -> None:
    make, key, _ = SITUATIONS[situation]
    make(elasticsearch, elasticsearch_index)
    store = f"{elasticsearch.url}/{elasticsearch_index}-*"
    for scope in ({"only": (key,)}, {"exclude": (key,)}, {"only": (key,), "start": END - WEEK, "history": 2 * WEEK}):
        found = run(store, tmp_path, scope=scope).coverage
        assert found.reasons == {OTHER_KEYS: found.left_out}
        assert found.read == found.used > 0
        assert found.held == (found.used, found.used)


@pytest.mark.parametrize("kind", ["long", "ip", "boolean"])
def test_an_empty_name_is_none_where_the_key_is_of_another_type_elsewhere(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path, kind: str
) -> None:
    put(
        elasticsearch,
        f"{elasticsearch_index}-old",
        [*documents(MONDAY, END - WEEK), {"@timestamp": MONDAY * 1000, "customer": "", "bytes": 5}],
    )
    keys = {"ip": ADDRESSES, "boolean": (*TRUTH, "true")}.get(kind, KEYS)
    put(elasticsearch, f"{elasticsearch_index}-new", documents(END - WEEK, keys=keys), customer=kind)
    found = run(f"{elasticsearch.url}/{elasticsearch_index}-*", tmp_path)
    assert found.coverage.reasons == {"have no customer": 1}
    assert found.coverage.read == found.coverage.used == 3 * 6 * 7 * 24
    assert "" not in found.keys


def test_numbers_that_a_document_holds_twice_are_counted_once(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    there = [{**one, "customer": [1, 1, 2] if one["customer"] == "1" else 3} for one in documents(END - 3 * WEEK)]
    put(elasticsearch, elasticsearch_index, there, customer="long")
    found = run(f"{elasticsearch.url}/{elasticsearch_index}", tmp_path)
    assert found.keys == ("1", "2", "3")
    assert found.coverage.held is not None
    assert found.coverage.held[0] <= (found.coverage.read or 0) <= found.coverage.held[1]


@pytest.mark.parametrize("more", [1, 40])
def test_an_index_that_is_written_to_while_it_is_read_says_so(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path, more: int
) -> None:
    put(elasticsearch, elasticsearch_index, documents())
    source = open_source(f"{elasticsearch.url}/{elasticsearch_index}", FLOWS)
    late = [{"@timestamp": (END - WEEK + place) * 1000, "customer": "1", "bytes": 5} for place in range(more)]

    def write(_done: int, _total: int) -> None:
        lines = [line for one in late for line in (b'{"create":{}}', json.dumps(one).encode())]
        elasticsearch.call("POST", f"/{elasticsearch_index}/_bulk?refresh=true", b"\n".join(lines) + b"\n")

    search = Search(tmp_path, Policy(), Scope(resolution=HOUR, now=END + WEEK))
    found = discover(source, search, None, Ledger(), write).coverage
    assert (found.missing, found.changed) == (more, more)
    assert f"its answers hold {more} fewer, because it was written to while it was read" in found.sentence()
    assert not found.whole
    again = run(f"{elasticsearch.url}/{elasticsearch_index}", tmp_path).coverage
    assert again.whole
    assert again.read == len(documents()) + more


def test_documents_of_several_keys_count_for_each_and_that_is_said(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    # More addresses than a block of keys has, two a document: as Beats writes host.ip.
    there = []
    for one in documents(END - 3 * WEEK, END):
        for host in range(24):
            pair = [f"10.0.{host}.{one['customer']}", f"fe80::{host}:{one['customer']}"]
            there.append({**one, "customer": pair})
    put(elasticsearch, elasticsearch_index, there, customer="ip")
    found = run(f"{elasticsearch.url}/{elasticsearch_index}", tmp_path)
    assert len(found.keys) == 2 * 3 * 24
    assert {key.rpartition(".")[2].rpartition(":")[2] for key, _ in events(found)} <= {"3"}
    assert f"each counts once for each of them, {2 * len(there):,} in all" in found.coverage.sentence()


@pytest.mark.parametrize("direction", ["above", "below", "both"])
@pytest.mark.parametrize("statistic", ["sum", "count"])
def test_a_silence_that_has_not_ended_is_a_fall_or_said_to_be_not_judged(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path, direction: Any, statistic: Any
) -> None:
    stop = END - 60 * HOUR
    there = [one for one in documents(spike=False) if one["customer"] != "3" or one["@timestamp"] < stop * 1000]
    put(elasticsearch, elasticsearch_index, there)
    columns = replace(FLOWS, statistic=statistic, value="bytes" if statistic == "sum" else None)
    found = run(f"{elasticsearch.url}/{elasticsearch_index}", tmp_path, columns, direction=direction)
    if direction == "above":
        assert not found.events
        assert [(gap.key, gap.start, gap.end) for gap in found.not_judged] == [("3", stop, END)]
        assert "falls are not looked for" in found.not_judged[0].reason
    else:
        assert [(event.key, event.start, event.end, event.direction) for event in found.events] == [
            ("3", stop, END, "below")
        ]
        assert not found.not_judged


def test_a_label_of_a_flattened_field_can_be_the_key(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    there = [{**one, "labels": {"customer": one["customer"], "site": "x"}} for one in documents()]
    there.append({**there[0], "labels": {"customer": "", "site": "x"}})
    put(elasticsearch, elasticsearch_index, there, labels="flattened")
    store = f"{elasticsearch.url}/{elasticsearch_index}"
    found = run(store, tmp_path, replace(FLOWS, key="labels.customer"))
    assert events(found) == [("3", SPIKE)]
    assert found.coverage.reasons == {"have no labels.customer": 1}
    with pytest.raises(UsageFailure, match=r"labels \(--key\) is flattened.*use one of its fields"):
        open_source(store, replace(FLOWS, key="labels"))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"bytes": "text"}, r"bytes \(--value\) is a text, and a number is needed: map it as one and reindex"),
        ({"@timestamp": "text"}, r"@timestamp \(--time\) is a text, and a date is needed"),
        ({"customer": "text"}, "map it as a keyword and reindex"),
        ({"customer": {"type": "text", "fields": {"keyword": {"type": "keyword"}}}}, "try customer.keyword"),
        ({"bytes": {"type": "long", "time_series_metric": "counter"}}, "is a counter"),
    ],
)
def test_a_field_that_cannot_be_read_is_refused_with_what_works(
    elasticsearch: Server, elasticsearch_index: str, fields: dict[str, Any], says: str
) -> None:
    there = documents(END - HOUR, END)
    put(elasticsearch, elasticsearch_index, [{**one, "@timestamp": str(one["@timestamp"])} for one in there], **fields)
    with pytest.raises(UsageFailure, match=says):
        open_source(f"{elasticsearch.url}/{elasticsearch_index}", FLOWS)


def test_a_text_here_and_a_keyword_there_leads_into_no_corner(elasticsearch: Server, elasticsearch_index: str) -> None:
    text = {"type": "text", "fields": {"keyword": {"type": "keyword"}}}
    put(elasticsearch, f"{elasticsearch_index}-old", documents(END - HOUR, END))
    put(elasticsearch, f"{elasticsearch_index}-new", documents(END - HOUR, END), customer=text)
    with pytest.raises(UsageFailure, match="no field works for all of them,") as caught:
        open_source(f"{elasticsearch.url}/{elasticsearch_index}-*", FLOWS)
    assert f"a keyword in {elasticsearch_index}-old" in str(caught.value)


def test_nested_documents_are_named(elasticsearch: Server, elasticsearch_index: str) -> None:
    inner = {"type": "nested", "properties": {"customer": {"type": "keyword"}}}
    put(elasticsearch, elasticsearch_index, documents(END - HOUR, END), flow=inner)
    with pytest.raises(UsageFailure, match="is in nested documents,"):
        open_source(f"{elasticsearch.url}/{elasticsearch_index}", replace(FLOWS, key="flow.customer"))


def test_an_index_tells_its_own_step(elasticsearch: Server, elasticsearch_index: str) -> None:
    put(elasticsearch, elasticsearch_index, documents())
    assert open_source(f"{elasticsearch.url}/{elasticsearch_index}", FLOWS).step() == HOUR


def test_seconds_in_a_date_of_milliseconds_are_named(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    there = [{**one, "@timestamp": one["@timestamp"] // 1000} for one in documents()]
    put(elasticsearch, elasticsearch_index, there)
    found = run(f"{elasticsearch.url}/{elasticsearch_index}", tmp_path)
    assert "are these seconds, while the mapping expects milliseconds?" in found.coverage.sentence()


def test_a_step_is_checked_and_not_an_hour(elasticsearch: Server, elasticsearch_index: str, tmp_path: Path) -> None:
    there = documents(END - 3 * WEEK, END)
    # Two in one minute, in an hour that has room for sixty.
    put(elasticsearch, elasticsearch_index, [*there, {**there[0], "@timestamp": there[0]["@timestamp"] + 20_000}])
    source = open_source(f"{elasticsearch.url}/{elasticsearch_index}", replace(FLOWS, statistic="avg", step=60))
    search = Search(tmp_path, Policy(), Scope(resolution=60, now=END + WEEK))
    with pytest.raises(Exception, match="several documents of a series in 60 s"):
        discover(source, search, None, Ledger(), lambda _done, _total: None)


def test_what_is_kept_belongs_to_a_login_and_to_the_filter_of_an_alias(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    put(elasticsearch, elasticsearch_index, documents())
    view = f"{elasticsearch_index}-view"

    def show(*keys: str) -> None:
        action = {"index": elasticsearch_index, "alias": view, "filter": {"terms": {"customer": keys}}}
        elasticsearch.call("POST", "/_aliases", {"actions": [{"add": action}]})

    def asked(login: Access) -> tuple[list[tuple[str, int]], tuple[str, ...], int]:
        ledger = Ledger()
        source = open_source(f"{elasticsearch.url}/{view}", FLOWS, login)
        search = Search(tmp_path, Policy(), Scope(resolution=HOUR, now=END + WEEK))
        found = discover(source, search, None, ledger, lambda _done, _total: None)
        return events(found), found.keys, ledger.queries["sent"]

    first, second = Access(api_key="Zmlyc3Q6a2V5"), Access(api_key="c2Vjb25kOmtleQ==")
    show("1", "2")
    assert asked(first) == ([], ("1", "2"), 1)
    assert asked(first) == ([], ("1", "2"), 0)
    assert asked(second)[2] == 1, "another login is asked for anew"
    show("2", "3")
    assert asked(first) == ([("3", SPIKE)], ("2", "3"), 1)


def test_a_filter_that_speaks_of_now_is_not_kept(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    put(elasticsearch, elasticsearch_index, documents())
    file = tmp_path / "filter.json"
    file.write_text(json.dumps({"range": {"@timestamp": {"gte": "now-90000d"}}}))
    source = open_source(f"{elasticsearch.url}/{elasticsearch_index}", replace(FLOWS, filter_file=file))
    assert source.settling is not None
    assert source.settling > END


@pytest.mark.parametrize("priority", [None, 100])
def test_generate_works_beside_any_template_of_the_owner(
    elasticsearch: Server, elasticsearch_index: str, priority: int | None
) -> None:
    from tests.conformance import MONDAY as FIRST
    from tests.elastic_data import load_world

    name = f"{elasticsearch_index}-everything"
    body: dict[str, Any] = {
        "index_patterns": [f"{elasticsearch_index}*"],
        "template": {"settings": {"number_of_shards": 2}, "mappings": {"properties": {"x": {"type": "long"}}}},
    }
    elasticsearch.call("PUT", f"/_index_template/{name}", body if priority is None else body | {"priority": priority})
    assert load_world(f"{elasticsearch.url}/{elasticsearch_index}-t", {"a": {FIRST + 60 * i: i for i in range(9)}}) == 9
    whole = open_source(f"{elasticsearch.url}/{elasticsearch_index}-t")
    reach = whole.extent(None, 60)
    assert whole.coverage(reach, reach).whole


def test_a_load_that_was_not_finished_is_said(elasticsearch: Server, elasticsearch_index: str) -> None:
    from tests.conformance import MONDAY as FIRST
    from tests.conformance import SCENARIO
    from tests.elastic_data import write_world
    from traffic.model import BITS
    from traffic.store import open_sink

    name = f"{elasticsearch.url}/{elasticsearch_index}"
    sink = open_sink(name, BITS.field, 60, SCENARIO, 1, False)
    write_world(sink, {"a": {FIRST + 60 * i: i for i in range(9)}})
    elasticsearch.call("POST", f"/{elasticsearch_index}/_refresh")
    source = open_source(name)
    reach = source.extent(None, 60)
    coverage = source.coverage(reach, reach)
    assert "the load of this store was not finished" in coverage.sentence()
    assert any("run ./sl.py generate again" in note for note in source.notes())
    assert not coverage.whole
