"""Elasticsearch as a store, held against a real node."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analyzer.kernels.rollup import roll_up
from analyzer.reading.fetch import Halving
from tests.conformance import MONDAY, SPAN, STEP, Kind, Place, World, rows_of
from tests.contract import CHECKS, PROPERTIES, SMALL
from tests.elastic_data import load_flows, load_world, make_index, searches, write_world
from tests.elasticsearch.fixtures import every_product
from tests.elasticsearch.server import Server
from traffic.errors import PartialAnswer, UsageFailure
from traffic.model import BITS, DAY, HOUR, HOUR_FIELDS, WEEK, Grid, Query, Window
from traffic.store import Columns, open_sink, open_source
from traffic.store.access import Access
from traffic.store.base import ForeignStore, JoiningSource, NoSuchStore, RollupSource, Source, StoreError, TooLarge

FLOWS = Columns(None, "customer", "bytes", statistic="sum", unit="B", scale=8.0)

# A store costs seconds to make, so that few are, and nothing is shrunk.
few = settings(
    deadline=None,
    max_examples=4,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def store(server: Server, index: str) -> str:
    return f"{server.url}/{index}"


@dataclass(frozen=True)
class Index:
    """An index of ours, or of a user's own with several documents a step."""

    server: Server
    name: str
    columns: Columns | None = None

    def put(self, world: World) -> None:
        if self.columns is None:
            load_world(store(self.server, self.name), world, replace=True)
            return
        self.server.drop(self.name)
        make_index(self.server, self.name, shards=3)
        load_flows(self.server, self.name, rows_of(world))

    def opened(self) -> Source:
        return open_source(store(self.server, self.name), self.columns)


def kinds(server: Server, index: str) -> dict[str, Kind]:
    """As which kinds of stores a node is held against the contract."""

    def at(columns: Columns | None) -> Callable[[Path], AbstractContextManager[Index]]:
        return lambda _folder: nullcontext(Index(server, index, columns))

    flows = Kind("flows", at(FLOWS), fills=True, abilities=(RollupSource, JoiningSource), step=None)
    return {
        "ours": Kind("ours", at(None), abilities=(RollupSource, JoiningSource), ours=True),
        "flows": flows,
        "gaps": replace(flows, at=at(replace(FLOWS, empty="missing")), fills=False),
    }


@pytest.mark.parametrize("name", ["ours", "flows"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_what_every_store_owes_its_readers(
    elasticsearch: Server, elasticsearch_index: str, name: str, check: Callable[[Kind, Place], None], tmp_path: Path
) -> None:
    kind = kinds(elasticsearch, elasticsearch_index)[name]
    with kind.at(tmp_path) as place:
        check(kind, place)


@every_product
@pytest.mark.parametrize("name", ["ours", "flows", "gaps"])
@pytest.mark.parametrize("check", PROPERTIES, ids=lambda check: check.__name__)
@few
@given(data=st.data())
def test_what_every_store_owes_whatever_is_in_it(
    elasticsearch: Server,
    elasticsearch_index: str,
    name: str,
    check: Callable[[Kind, Place, st.DataObject], None],
    data: st.DataObject,
) -> None:
    kind = kinds(elasticsearch, elasticsearch_index)[name]
    with kind.at(Path()) as place:
        check(kind, place, data)


@every_product
def test_roll_ups_of_the_cluster_are_those_of_our_kernel(elasticsearch: Server, elasticsearch_index: str) -> None:
    rng = np.random.default_rng(5)
    world: World = {}
    for key in ("a", "b", "c"):
        steps = np.flatnonzero(rng.random(9 * DAY // STEP) < 0.9)
        amounts = rng.lognormal(15, 2, len(steps))
        world[key] = {MONDAY + STEP * int(i): int(v) for i, v in zip(steps, amounts, strict=True)}
    name = store(elasticsearch, elasticsearch_index)
    load_world(name, world)
    source = open_source(name)
    assert isinstance(source, RollupSource)
    assert source.rolls_up(60)
    assert not source.rolls_up(300)
    query = Query(source.metric, ("c", "a", "nobody"), Window(MONDAY - DAY, MONDAY + 10 * DAY), 60)
    made = source.rollup(query)
    ours = roll_up(source.series(query).values, 60)
    for name, expected in zip(HOUR_FIELDS, ours, strict=True):
        np.testing.assert_allclose(getattr(made.hours, name), expected, rtol=1e-12, err_msg=name)


def test_a_store_of_ours_takes_no_columns_and_no_finer_resolution(
    elasticsearch: Server, elasticsearch_index: str
) -> None:
    load_world(store(elasticsearch, elasticsearch_index), SMALL)
    source = open_source(store(elasticsearch, elasticsearch_index))
    with pytest.raises(UsageFailure, match="every 60 s"):
        source.series(Query(source.metric, ("a",), SPAN, 30))
    with pytest.raises(UsageFailure, match="no columns and no log lines: leave out --key, --value"):
        open_source(store(elasticsearch, elasticsearch_index), FLOWS)


def test_the_fingerprint_tells_of_changed_data_near_the_window_and_of_nothing_else(
    elasticsearch: Server, elasticsearch_index: str
) -> None:
    name = store(elasticsearch, elasticsearch_index)
    load_world(name, SMALL)
    first, second = Window(MONDAY, MONDAY + DAY), Window(MONDAY + WEEK, MONDAY + WEEK + DAY)

    def stamps() -> tuple[str, str]:
        source = open_source(name)
        assert source.settling is None
        return source.fingerprint(first), source.fingerprint(second)

    before = stamps()
    elasticsearch.call("POST", f"/{elasticsearch_index}/_forcemerge?max_num_segments=1")
    load_world(name, SMALL)
    assert stamps() == before
    # Not visible to a search yet, and counted all the same.
    more = {key: dict(steps) for key, steps in SMALL.items()}
    more["b"][MONDAY + WEEK + HOUR * 30] = 1
    load_world(name, more)
    after = stamps()
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_what_is_not_searchable_yet_is_made_so_before_it_is_counted_on(
    elasticsearch: Server, elasticsearch_index: str
) -> None:
    make_index(elasticsearch, elasticsearch_index, refresh_interval="-1")
    elasticsearch.call(
        "POST",
        f"/{elasticsearch_index}/_doc?refresh=false",
        {"@timestamp": MONDAY * 1000, "customer": "a", "bytes": 7},
    )
    source = open_source(store(elasticsearch, elasticsearch_index), FLOWS)
    assert source.keys(SPAN) == {"a": Window(MONDAY, MONDAY + 1)}


def test_loading_again_stores_nothing_twice_and_accounts_for_all(
    elasticsearch: Server, elasticsearch_index: str
) -> None:
    name = store(elasticsearch, elasticsearch_index)
    total = sum(map(len, SMALL.values()))
    assert load_world(name, SMALL) == total
    identity = open_source(name).identity()
    assert identity is not None
    assert load_world(name, SMALL) == 0
    assert elasticsearch.call("GET", f"/{elasticsearch_index}/_count")["count"] == total
    assert open_source(name).identity() == identity


def test_a_load_that_was_interrupted_says_so_and_is_completed(elasticsearch: Server, elasticsearch_index: str) -> None:
    name = store(elasticsearch, elasticsearch_index)
    part: World = {"a": SMALL["a"], "b": dict(list(SMALL["b"].items())[:10])}
    sink = open_sink(name, BITS.field, STEP, "5ca1ab1e" * 8, 2, False)
    sink.begin(Window(MONDAY, MONDAY + 2 * WEEK))
    write_world(sink, part)
    assert open_source(name).identity() is None
    assert load_world(name, SMALL) == 40
    assert open_source(name).identity() is not None


def test_there_already_does_not_mean_equal(elasticsearch: Server, elasticsearch_index: str) -> None:
    name = store(elasticsearch, elasticsearch_index)
    load_world(name, SMALL)
    other = {**SMALL, "b": dict.fromkeys(SMALL["b"], 3)}
    with pytest.raises(StoreError, match="--replace"):
        load_world(name, other)
    assert open_source(name).identity() is None
    load_world(name, other, replace=True)
    source = open_source(name)
    query = Query(source.metric, ("b",), Window(MONDAY + WEEK, MONDAY + WEEK + 600), 60)
    assert set(source.series(query).values[0]) == {3 * 8 / 60}


def test_what_the_cluster_refuses_is_listed_with_its_reason(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    name, file = store(elasticsearch, elasticsearch_index), tmp_path / "refused.ndjson"
    world: World = {"a": {MONDAY: 1, MONDAY + STEP: 2}, "x" * 40_000: {MONDAY: 3}}
    sink = open_sink(name, BITS.field, STEP, "5ca1ab1e" * 8, 2, False, refused=file)
    assert write_world(sink, world) == 2
    with pytest.raises(StoreError, match="1 of 3 documents were rejected"):
        sink.finish()
    (listed,) = [json.loads(line) for line in file.read_text().splitlines()]
    assert listed["document"]["network.bytes"] == 3
    assert "exception" in listed["reason"]


def test_another_scenario_or_what_is_not_ours_is_left_alone(elasticsearch: Server, elasticsearch_index: str) -> None:
    name = store(elasticsearch, elasticsearch_index)
    load_world(name, SMALL)
    with pytest.raises(ForeignStore, match="--replace"):
        load_world(name, SMALL, scenario="0" * 16)
    with pytest.raises(ForeignStore, match="every 60 s, not"):
        open_sink(name, BITS.field, 300, "5ca1ab1e" * 8, 2, False)
    load_world(name, SMALL, scenario="0" * 16, replace=True)
    make_index(elasticsearch, f"{elasticsearch_index}-own")
    with pytest.raises(ForeignStore, match="did not create"):
        load_world(f"{name}-own", SMALL, replace=True)
    assert elasticsearch.call("GET", f"/{elasticsearch_index}-own/_count")["count"] == 0
    with pytest.raises(UsageFailure, match="pattern"):
        load_world(f"{name}*", SMALL)
    with pytest.raises(UsageFailure, match="mixes"):
        open_source(f"{name}*", FLOWS)


def test_every_key_is_found_page_by_page_and_those_without_one_are_said(
    elasticsearch: Server, elasticsearch_index: str
) -> None:
    make_index(elasticsearch, elasticsearch_index, shards=2)
    rows: list[tuple[float, str | None, int]] = [(MONDAY + n, f"k{n:05d}", n) for n in range(2_345)]
    load_flows(elasticsearch, elasticsearch_index, [*rows, (MONDAY, None, 5), (MONDAY, "", 6)])
    source = open_source(store(elasticsearch, elasticsearch_index), FLOWS)
    assert list(source.keys(SPAN)) == [f"k{n:05d}" for n in range(2_345)]
    extent = source.extent(None, 60)
    assert source.coverage(extent, extent).reasons == {"have no customer": 2}


@every_product
def test_a_small_limit_of_buckets_gives_the_same(elasticsearch: Server, elasticsearch_index: str) -> None:
    name = store(elasticsearch, elasticsearch_index)
    load_world(name, SMALL)
    source = open_source(name)
    query = Query(source.metric, ("a", "b"), Window(MONDAY, MONDAY + 8 * DAY), 60)
    whole, rolled = Halving(source).series(query), Halving(source).rollup(query)
    try:
        elasticsearch.call("PUT", "/_cluster/settings", {"persistent": {"search.max_buckets": 100}})
        small = open_source(name)
        assert small.limits(60).buckets == 100
        # As if the cluster did not say: it refuses, by type, and what it refuses is cut.
        small._max_buckets = 65_536  # type: ignore[attr-defined]
        with pytest.raises(TooLarge):
            small.series(query)
        for most in (100, 65_536):
            small._max_buckets = most  # type: ignore[attr-defined]
            halving = Halving(small, concurrency=3)
            np.testing.assert_array_equal(halving.series(query).values, whole.values)
            np.testing.assert_array_equal(halving.rollup(query).hours.high, rolled.hours.high)
        assert open_source(name).keys(SPAN) == source.keys(SPAN)
    finally:
        elasticsearch.call("PUT", "/_cluster/settings", {"persistent": {"search.max_buckets": None}})


@every_product
def test_a_shard_that_cannot_be_reached_is_no_half_answer(elasticsearch: Server, elasticsearch_index: str) -> None:
    make_index(elasticsearch, f"{elasticsearch_index}-1")
    load_flows(elasticsearch, f"{elasticsearch_index}-1", [(MONDAY, "a", 1)])
    source = open_source(f"{elasticsearch.url}/{elasticsearch_index}*", FLOWS, Access(wait=1.0))
    # No node is called so: the index exists, and its data is nowhere.
    nowhere = {"index.routing.allocation.require._name": "nowhere", "number_of_replicas": 0}
    elasticsearch.call(
        "PUT",
        f"/{elasticsearch_index}-2?wait_for_active_shards=0",
        {"settings": nowhere, "mappings": {"properties": {"@timestamp": {"type": "date"}}}},
    )
    with pytest.raises(PartialAnswer):
        source.extent(None, HOUR)
    with pytest.raises(PartialAnswer):
        source.series(Query(source.metric, ("a",), Window(MONDAY, MONDAY + DAY), 60))


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (Columns(None, None, "bytes"), "--key"),
        (Columns(None, "customer"), "--value"),
        (Columns(None, "custommer", "bytes"), "did you mean customer"),
        (Columns(None, "message", "bytes"), "message.keyword"),
        (Columns(None, "customer", "customer"), "a number"),
        (Columns("bytes", "customer", "bytes"), "a date"),
        (replace(FLOWS, where="a > 1"), "--filter"),
    ],
)
def test_fields_that_cannot_be_meant_get_a_line(
    elasticsearch: Server, elasticsearch_index: str, columns: Columns, says: str
) -> None:
    make_index(elasticsearch, elasticsearch_index)
    load_flows(elasticsearch, elasticsearch_index, [(MONDAY, "a", 1)])
    with pytest.raises(UsageFailure, match=says):
        open_source(store(elasticsearch, elasticsearch_index), columns)


def test_an_index_that_is_not_there_or_empty(elasticsearch: Server, elasticsearch_index: str) -> None:
    for index in (elasticsearch_index, f"{elasticsearch_index}-*"):
        with pytest.raises(NoSuchStore, match="generate"):
            open_source(store(elasticsearch, index), FLOWS)
    make_index(elasticsearch, elasticsearch_index)
    with pytest.raises(NoSuchStore, match="no matching documents:"):
        open_source(store(elasticsearch, elasticsearch_index), FLOWS).extent(None, HOUR)


def test_a_filter_counts_documents_and_numbers_can_be_keys(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    make_index(elasticsearch, elasticsearch_index)
    lines = [
        json.dumps(line)
        for second, port, size in [(0, 80, 5), (1, 80, 6), (2, 443, 7), (61, 443, 8)]
        for line in (
            {"create": dict[str, int]()},
            {"@timestamp": (MONDAY + second) * 1000, "port": port, "bytes": size},
        )
    ]
    elasticsearch.call("POST", f"/{elasticsearch_index}/_bulk?refresh=true", ("\n".join(lines) + "\n").encode())
    query = tmp_path / "query.json"
    query.write_text('{"query": {"range": {"bytes": {"gte": 6}}}}')
    columns = Columns(None, "port", None, statistic="count", filter_file=query)
    source = open_source(store(elasticsearch, elasticsearch_index), columns)
    assert list(source.keys(SPAN)) == ["443", "80"]
    found = source.series(Query(source.metric, ("80", "443"), Window(MONDAY, MONDAY + 180), 60))
    np.testing.assert_array_equal(found.values, [[1, np.nan, np.nan], [1, 1, np.nan]])
    for text, says in (("{", "not valid JSON"), ("{}", "no query"), ('{"a": 1, "b": 2}', "bool query")):
        query.write_text(text)
        with pytest.raises(UsageFailure, match=says):
            open_source(store(elasticsearch, elasticsearch_index), columns)


def test_one_document_a_step_is_rolled_up_in_place_and_more_are_noticed(
    elasticsearch: Server, elasticsearch_index: str
) -> None:
    make_index(elasticsearch, elasticsearch_index, shards=2)
    rows: list[tuple[float, str | None, int]] = [(MONDAY + 60 * n + n % 50, "a", n * n) for n in range(100)]
    load_flows(elasticsearch, elasticsearch_index, rows)
    columns = replace(FLOWS, statistic="avg", step=60)
    source = open_source(store(elasticsearch, elasticsearch_index), columns)
    query = Query(source.metric, ("a",), Window(MONDAY, MONDAY + 3 * HOUR), 60)
    made, minutes = source.rollup(query), source.series(query)  # type: ignore[attr-defined]
    np.testing.assert_allclose(made.hours.high, roll_up(minutes.values, 60).high, rtol=1e-14)
    assert made.hours.count.tolist() == [[60, 40, 0]]
    load_flows(elasticsearch, elasticsearch_index, [(MONDAY + 5, "a", 1)])
    crowded = open_source(store(elasticsearch, elasticsearch_index), columns)
    for ask in (crowded.series, crowded.rollup):  # type: ignore[attr-defined]
        with pytest.raises(StoreError, match="leave out --document-step"):
            ask(query)


def test_a_second_look_at_what_is_known_costs_no_search(elasticsearch: Server, elasticsearch_index: str) -> None:
    load_world(store(elasticsearch, elasticsearch_index), SMALL)
    before = searches(elasticsearch, elasticsearch_index)
    source = open_source(store(elasticsearch, elasticsearch_index))
    source.fingerprint(SPAN)
    source.identity()
    assert searches(elasticsearch, elasticsearch_index) == before
    source.series(Query(BITS, ("a",), Grid(MONDAY, 60, 10).window, 60))
    assert searches(elasticsearch, elasticsearch_index) > before
