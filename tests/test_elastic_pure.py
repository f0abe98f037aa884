"""What of Elasticsearch needs no node: names, secrets, bodies, and answers that are not what was asked for."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread
from typing import Any, ClassVar

import elastic_transport
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.reading.fetch import Halving
from tests.conformance import NASTY
from tests.worlds import MemorySource
from traffic.errors import AccessDenied, Failure, PartialAnswer, StorageFailure, UsageFailure
from traffic.model import BITS, Grid, Matrix, Query, Window
from traffic.store.access import Access, access
from traffic.store.base import Away, Limits, NoSuchStore, StoreError, TooLarge
from traffic.store.elastic.answers import cells
from traffic.store.elastic.bodies import bulk_bodies, digits
from traffic.store.elastic.client import Cluster, check_complete
from traffic.store.elastic.place import find_place


@pytest.mark.parametrize(
    ("name", "urls", "index"),
    [
        ("http://h:9200/traffic", ("http://h:9200",), "traffic"),
        ("https://h/traffic", ("https://h:443",), "traffic"),
        ("HTTPS://a:1,b:2/x", ("https://a:1", "https://b:2"), "x"),
        ("https://a:1,https://b:2/x-*,y-*", ("https://a:1", "https://b:2"), "x-*,y-*"),
        ("https://h/behind/a/proxy/x", ("https://h:443/behind/a/proxy",), "x"),
        ("http://[::1]:9200/x", ("http://[::1]:9200",), "x"),
        ("http://h:9200/other:logs-*", ("http://h:9200",), "other:logs-*"),
    ],
)
def test_a_name_says_where_and_what(name: str, urls: tuple[str, ...], index: str) -> None:
    place = find_place(name)
    assert (place.urls, place.index, place.user) == (urls, index, None)


@pytest.mark.parametrize("name", ["http://h:9200", "http://h:9200/", "http://h:port/x", "http://h/a b", "https:///x"])
def test_a_name_without_host_or_index_gets_a_line(name: str) -> None:
    with pytest.raises(UsageFailure, match="HOST:9200/INDEX"):
        find_place(name)


def test_a_password_in_a_name_is_used_and_never_said() -> None:
    place = find_place("https://me:s%2Fecret@h:9200,h2:9200/x")
    assert (place.user, place.password) == ("me", "s/ecret")
    assert "ecret" not in place.name + repr(place)
    with pytest.raises(UsageFailure) as caught:
        find_place("https://me:secret@h:9200")
    assert "secret" not in str(caught.value)


def test_the_environment_names_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELASTICSEARCH_URL", "https://me:secret@a:9200/,https://b:9200")
    place = find_place("elasticsearch:x")
    assert place.name == "https://a:9200,https://b:9200/x"
    assert place.user == "me"
    monkeypatch.delenv("ELASTICSEARCH_URL")
    with pytest.raises(UsageFailure, match="ELASTICSEARCH_URL"):
        find_place("elasticsearch:x")


def test_options_come_before_the_environment_and_no_secret_is_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-file\n")
    (tmp_path / "password").write_text("pass-file\n")
    outside = {"ES_API_KEY": "from-outside", "ELASTIC_PASSWORD": "pass-outside"}
    assert access(environment={}) == Access()
    assert access(environment=outside).api_key == "from-outside"
    assert access(api_key_file=tmp_path / "key", environment=outside).api_key == "from-file"
    named = access("me", tmp_path / "password", environment=outside)
    assert (named.user, named.password, named.api_key) == ("me", "pass-file", None)
    alone = access(environment={"ELASTIC_PASSWORD": "pass-outside"})
    assert (alone.user, alone.password) == ("elastic", "pass-outside")
    assert "pass" not in repr(named) + repr(alone)
    assert "outside" not in repr(access(environment=outside))


def test_credentials_that_cannot_be_meant_get_a_line(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(UsageFailure, match="is empty"):
        access(api_key_file=tmp_path / "empty", environment={})
    with pytest.raises(UsageFailure, match="no password"):
        access("me", environment={})
    with pytest.raises(StorageFailure):
        access(ca_file=tmp_path / "missing", environment={})


@given(st.lists(st.integers(0, 2**53), min_size=1, max_size=20))
def test_digits_are_the_numbers(numbers: list[int]) -> None:
    text = digits(np.array(numbers), 4)
    assert [int(bytes(row)) for row in text] == numbers
    assert all(bytes(row).lstrip() == str(number).encode() for row, number in zip(text, numbers, strict=True))


@given(st.data())
def test_bodies_hold_each_amount_that_is_there_once(data: st.DataObject) -> None:
    keys = data.draw(st.lists(st.sampled_from(NASTY) | st.text(min_size=1, max_size=5), max_size=5, unique=True))
    steps = data.draw(st.integers(1, 40))
    amounts = np.array(
        [[data.draw(st.just(-1) | st.integers(0, 2**45)) for _ in range(steps)] for _ in keys], dtype=np.int64
    ).reshape(len(keys), steps)
    grid = Grid(1_700_000_040, 60, steps)
    found = []
    for count, body in bulk_bodies(keys, grid, amounts, "network.bytes", most=7):
        lines = [json.loads(line) for line in body.splitlines()]
        assert body.endswith(b"\n")
        assert 0 < count <= 7
        assert lines[::2] == [{"create": {}}] * count
        assert len(lines) == 2 * count
        found += [(one["organization.name"], one["@timestamp"], one["network.bytes"]) for one in lines[1::2]]
    assert found == [
        (key, 1000 * (grid.start + 60 * step), int(amounts[row, step]))
        for row, key in enumerate(keys)
        for step in range(steps)
        if amounts[row, step] >= 0
    ]


WELL: dict[str, Any] = {"timed_out": False, "_shards": {"total": 3, "failed": 0}}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"timed_out": True}, "ran out of the time"),
        ({"terminated_early": True}, "stopped early"),
        ({"_shards": {"total": 3, "failed": 1, "failures": [{"reason": {"reason": "disk"}}]}}, "1 of 3 shards .*disk"),
        ({"_clusters": {"total": 2, "skipped": 1}}, "clusters are skipped"),
        ({"_clusters": {"total": 2, "partial": 1, "failed": 1}}, "partial and failed"),
        ({"_shards": {}}, "whether its answer is complete"),
    ],
)
def test_a_part_is_never_taken_for_the_whole(change: dict[str, Any], says: str) -> None:
    check_complete({**WELL, "_clusters": {"total": 2, "successful": 2, "skipped": 0}}, "x")
    with pytest.raises(PartialAnswer, match=says) as caught:
        check_complete({**WELL, **change}, "x")
    assert caught.value.exit_code == 4


def test_keys_that_were_left_out_or_not_asked_for_are_an_error() -> None:
    grid = Grid(0, 60, 2)
    bucket = {"key": "a", "doc_count": 1, "time": {"buckets": [{"key": 0, "doc_count": 1}]}}
    for change, says in (
        ({"sum_other_doc_count": 4}, "left out"),
        ({"doc_count_error_upper_bound": 4}, "left out"),
        ({"buckets": [{**bucket, "key": "b"}]}, "not asked for: 'b'"),
        ({"buckets": [{**bucket, "time": {"buckets": [{"key": 120_000, "doc_count": 1}]}}]}, "times"),
    ):
        with pytest.raises(StoreError, match=says):
            cells({"aggregations": {"keys": {"buckets": [bucket], **change}}}, ["a"], grid, "x")


def _status(status: int, kind: str, nested: bool = False) -> elastic_transport.ApiError:
    meta = elastic_transport.ApiResponseMeta(
        status,
        "1.1",
        elastic_transport.HttpHeaders(),
        0.1,
        elastic_transport.NodeConfig("http", "h", 1),
    )
    error: dict[str, Any] = {"type": kind, "reason": "because"}
    if nested:
        error = {"type": "search_phase_execution_exception", "reason": "all shards failed", "caused_by": error}
    return elastic_transport.ApiError("x", meta, {"error": error, "status": status})


@pytest.mark.parametrize(
    ("error", "expected", "code"),
    [
        (_status(503, "too_many_buckets_exception", nested=True), TooLarge, 1),
        (_status(400, "too_many_buckets_exception", nested=True), TooLarge, 1),
        (_status(429, "circuit_breaking_exception"), TooLarge, 1),
        (_status(413, "anything"), TooLarge, 1),
        (_status(503, "no_shard_available_action_exception", nested=True), PartialAnswer, 4),
        (_status(429, "es_rejected_execution_exception"), Away, 1),
        (_status(401, "security_exception"), AccessDenied, 5),
        (_status(403, "security_exception"), AccessDenied, 5),
        (_status(404, "index_not_found_exception"), NoSuchStore, 2),
        (_status(400, "parsing_exception"), StoreError, 1),
        (elastic_transport.TlsError("certificate verify failed"), AccessDenied, 5),
        (elastic_transport.ConnectionTimeout("slow"), TooLarge, 1),
        (elastic_transport.ConnectionError("refused"), Away, 1),
        (ValueError("no JSON"), StoreError, 1),
    ],
)
def test_what_goes_wrong_is_told_by_its_type(
    error: Exception, expected: type[Failure], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster(find_place("http://me:secret@h:9200/x"), Access())

    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cluster._client, "perform_request", failing)
    with pytest.raises(Failure) as caught:
        cluster.ask("GET", "/")
    assert type(caught.value) is expected
    assert caught.value.exit_code == code
    assert "secret" not in str(caught.value)
    cluster.close()


class _Limited(MemorySource):
    """A store elsewhere: answers few buckets at once, and remembers how many requests were under way together."""

    def __init__(self, said: int, meant: int, company: int = 1) -> None:
        """`company`: nothing is answered until so many have been under way together, or for five seconds."""
        super().__init__(0, {})
        self._said = said
        self._meant = meant
        self._company = company
        self._changed = Condition()
        self._now = self.most = 0

    def limits(self, resolution: int) -> Limits:
        return Limits(buckets=self._said, at_once=9)

    def series(self, query: Query) -> Matrix:
        with self._changed:
            self._now += 1
            self.most = max(self.most, self._now)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most >= self._company, 5)
        time.sleep(0.001)
        with self._changed:
            self._now -= 1
        grid = Grid.over(query.window, query.resolution)
        if len(query.keys) * (1 + grid.count) > self._meant:
            raise TooLarge("too many")
        return Matrix(query.keys, grid, np.array([[float(key)] for key in query.keys]) * 1e12 + grid.times())


@settings(deadline=None, max_examples=30)
@given(said=st.integers(2, 400), meant=st.integers(2, 400), at_once=st.integers(1, 4), keys=st.integers(1, 7))
def test_what_is_cut_and_asked_for_together_is_put_together_again(
    said: int, meant: int, at_once: int, keys: int
) -> None:
    store = _Limited(said, meant)
    halving = Halving(store, at_once)
    queries = [
        Query(BITS, tuple(map(str, range(keys))), Window(start, start + 60 * count), 60)
        for start, count in ((0, 30), (6_000, 1), (60, 90))
    ]
    for query, answer in zip(queries, halving.series_many(queries), strict=True):
        grid = Grid.over(query.window, 60)
        assert (answer.keys, answer.grid) == (query.keys, grid)
        np.testing.assert_array_equal(answer.values, np.arange(keys)[:, None] * 1e12 + grid.times())
    # The halves of a part that was refused are both sent at once, beside what was under way already.
    assert store.most <= at_once + (0 if said <= meant else 2)
    if said <= meant:
        assert halving.sent == sum(len(halving.parts(query, 60)) for query in queries)


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_as_many_requests_are_under_way_together_as_are_allowed(at_once: int) -> None:
    store = _Limited(40, 40, company=at_once)
    queries = [Query(BITS, ("1",), Window(0, 60 * count), 60) for count in (300, 20, 20, 20)]
    for sent in (queries[:1], queries[1:] if at_once < 4 else queries):
        store.most = 0
        assert len(list(Halving(store, at_once).series_many(sent))) == len(sent)
        assert store.most == at_once, "the parts of one query, and several queries"


class _Flaky(BaseHTTPRequestHandler):
    """A node behind something that fails a few times."""

    failures: ClassVar[list[int]] = []
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        status = self.failures.pop() if self.failures else 200
        body = b'{"ok":true}' if status == 200 else b'{"error":{"type":"es_rejected_execution_exception"}}'
        self.send_response(status)
        for name, value in (
            ("X-Elastic-Product", "Elasticsearch"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("failures", "asked", "outcome"),
    [
        ([503], 2, None),
        ([429, 502, 504], 4, None),
        ([503] * 9, 4, "try again later"),
        ([400], 1, "refuses the request"),
        ([401], 1, "401"),
    ],
)
def test_what_can_pass_is_tried_again_and_nothing_else(failures: list[int], asked: int, outcome: str | None) -> None:
    _Flaky.failures, _Flaky.asked = list(failures), 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Flaky)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        cluster = Cluster(find_place(f"http://127.0.0.1:{server.server_address[1]}/x"), Access())
        if outcome is None:
            assert cluster.ask("GET", "/x") == {"ok": True}
        else:
            with pytest.raises(Failure, match=outcome):
                cluster.ask("GET", "/x")
        assert _Flaky.asked == asked
        cluster.close()
    finally:
        server.shutdown()
        server.server_close()
