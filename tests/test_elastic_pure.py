"""What of Elasticsearch needs no node: names, secrets, bodies, and answers that are not what was requested."""

from __future__ import annotations

import gzip
import json
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, pairwise
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
from traffic.store.access import Access, Entry, elastic_access
from traffic.store.base import Away, Limits, NoSuchStore, StoreError, TooLarge
from traffic.store.elastic.answers import cells
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.complete import check_complete
from traffic.store.elastic.encode import bulk_bodies, digits
from traffic.store.elastic.figures import values_of
from traffic.store.elastic.percentiles import Percents, roll_up_percents
from traffic.store.elastic.place import find_place
from traffic.store.elastic.wire import MOST_BYTES, Waiting, seconds_of


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
    assert elastic_access(environment={}) == Access()
    assert elastic_access(environment=outside).api_key == "from-outside"
    assert elastic_access(Entry(api_key_file=tmp_path / "key"), environment=outside).api_key == "from-file"
    named = elastic_access(Entry(user="me", password_file=tmp_path / "password"), outside)
    assert (named.user, named.password, named.api_key) == ("me", "pass-file", None)
    alone = elastic_access(environment={"ELASTIC_PASSWORD": "pass-outside"})
    assert (alone.user, alone.password) == ("elastic", "pass-outside")
    assert "pass" not in repr(named) + repr(alone)
    assert "outside" not in repr(elastic_access(environment=outside))


def test_credentials_that_cannot_be_meant_get_a_line(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(UsageFailure, match="is empty"):
        elastic_access(Entry(api_key_file=tmp_path / "empty"), environment={})
    with pytest.raises(UsageFailure, match="no password"):
        elastic_access(Entry(user="me"), {})
    with pytest.raises(StorageFailure):
        elastic_access(Entry(ca_file=tmp_path / "missing"), environment={})


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


@given(st.sampled_from(NASTY) | st.text(min_size=1, max_size=5), st.integers(2, 30))
def test_documents_have_one_name_each_that_is_the_same_however_often_they_are_sent(key: str, steps: int) -> None:
    grid = Grid(1_700_000_040, 60, steps)
    amounts = np.arange(2 * steps).reshape(2, steps)
    sent = [
        b"".join(body for _, body in bulk_bodies([key, key + "x"], grid, one, "n", named=True)) for one in 2 * [amounts]
    ]
    assert sent[0] == sent[1]
    heads = [json.loads(line)["create"]["_id"] for line in sent[0].splitlines()[::2]]
    documents = [json.loads(line) for line in sent[0].splitlines()[1::2]]
    assert len(set(heads)) == 2 * steps
    assert [int(head.rpartition("-")[2]) for head in heads] == [one["@timestamp"] for one in documents]
    assert [(one["organization.name"], one["n"]) for one in documents] == [
        (name, int(value)) for name, row in zip((key, key + "x"), amounts, strict=True) for value in row
    ]


@given(
    st.lists(st.lists(st.integers(0, 10**9), min_size=1, max_size=60), min_size=1, max_size=5),
    st.sampled_from((95.0, 99.0, 50.0, 12.5)),
)
def test_percentiles_of_a_cluster_that_is_asked_for_places_are_those_of_numpy(
    hours: list[list[int]], high: float
) -> None:
    numbers = np.array([len(hour) for hour in hours])
    percents = Percents(roll_up_percents(60, high), frozenset(numbers.tolist()))
    assert percents.covers(numbers.tolist())
    assert not percents.covers([61])
    # As the t-digest of OpenSearch has it: the value of place i in the middle of its share.
    answer = [
        np.interp(np.array(percents.asked) / 100 * len(hour) - 0.5, range(len(hour)), sorted(hour)) for hour in hours
    ]
    told = percents.told(np.array(answer).T, numbers)
    for q, found in zip(percents.wanted, told, strict=True):
        np.testing.assert_allclose(found, [np.percentile(hour, q) for hour in hours], rtol=1e-12, atol=1e-3)


WELL: dict[str, Any] = {"timed_out": False, "_shards": {"total": 3, "successful": 3, "failed": 0}}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"timed_out": True}, "exceeded the cluster's time"),
        ({"timed_out": "false"}, "exceeded the cluster's time"),
        ({"terminated_early": True}, "stopped early"),
        (
            {"_shards": {"total": 3, "successful": 2, "failed": 1, "failures": [{"reason": {"reason": "disk"}}]}},
            "1 of 3 .*disk",
        ),
        ({"_shards": {"total": 3, "successful": 2, "failed": 0}}, "2 of 3 shards answered"),
        ({"_shards": {"total": 3, "successful": 2, "failed": 1, "failures": "boom"}}, "does not say"),
        ({"_shards": {"total": 3, "successful": 3, "failed": None}}, "does not say"),
        ({"_shards": {"total": True, "successful": 1, "failed": 0}}, "does not say"),
        ({"_clusters": {"total": 2, "successful": 1, "skipped": 1}}, "clusters are skipped"),
        ({"_clusters": {"total": 2, "successful": 0, "partial": 1, "failed": 1}}, "failed and partial"),
        ({"_clusters": {"total": 2, "successful": 1}}, "clusters are missing"),
        ({"_clusters": {"total": 1, "successful": 1, "details": {"b": {"status": "skipped"}}}}, "clusters are skipped"),
        ({"_clusters": None}, "does not say"),
        ({"_shards": {}}, "does not say"),
        ({"_shards": "ok"}, "does not say"),
    ],
)
def test_a_part_is_never_taken_for_the_whole(change: dict[str, Any], says: str) -> None:
    check_complete({**WELL, "_clusters": {"total": 2, "successful": 2, "skipped": 0}}, "x")
    with pytest.raises(PartialAnswer, match=says) as caught:
        check_complete({**WELL, **change}, "x")
    assert caught.value.exit_code == 4


def _answer(count: int = 3) -> dict[str, Any]:
    """Two keys of `count` documents each, in the first two of four buckets."""

    def key(name: str) -> dict[str, Any]:
        times = [
            {"key": 0, "doc_count": count - 1, "value": {"value": 2.0}},
            {"key": 60_000, "doc_count": 1, "value": {"value": 5.0}},
        ]
        return {
            "key": name,
            "doc_count": count,
            "time": {"buckets": times},
            "first": {"value": 1.0},
            "last": {"value": 60_500.0},
        }

    keys = {"buckets": [key("a"), key("b")]}
    around = {"count": 2 * count, "min": 1.0, "max": 5.0, "sum": 14.0}
    return {"hits": {"total": {"value": 2 * count, "relation": "eq"}}, "aggregations": {"keys": keys, "all": around}}


def _changed(path: str, value: Any) -> dict[str, Any]:
    """The answer with one thing in it another one; `DROP` takes it away."""
    answer = _answer()
    *way, last = (int(step) if step.isdigit() else step for step in path.split("/"))
    inner: Any = answer
    for step in way:
        inner = inner[step]
    if value == "DROP":
        del inner[last]
    else:
        inner[last] = value
    return answer


_KEY = "aggregations/keys/buckets/0"
_TIME = f"{_KEY}/time/buckets/0"
_HARMLESS: dict[str, tuple[float, ...]] = {
    "aggregations/all/min": (float("inf"),),
    "aggregations/all/max": (-1, 0, 1.5, float("inf")),
    "aggregations/all/count": (-1, 0, 1.5, 2**63, float("inf")),
}
"""Figures that only bound the others -> values that refuse the answer."""


def test_an_answer_that_agrees_with_itself_is_read() -> None:
    found = cells(_answer(), ["a", "b"], Grid(0, 60, 4), "x")
    assert found.rows.tolist() == [0, 0, 1, 1]
    assert found.columns.tolist() == [0, 1, 0, 1]
    assert found.documents.tolist() == [2, 1, 2, 1]
    assert values_of(_answer(), found, "sum", "x").tolist() == [2.0, 5.0, 2.0, 5.0]


@pytest.mark.parametrize("value", ["DROP", None, [], {}, "x", -1, 0, 1.5, True, 10**9, 2**63, float("inf"), "7"])
@pytest.mark.parametrize(
    "path",
    [
        *("hits", "hits/total", "hits/total/value", "hits/total/relation", "aggregations", "aggregations/keys"),
        *(
            "aggregations/keys/buckets",
            _KEY,
            f"{_KEY}/key",
            f"{_KEY}/doc_count",
            f"{_KEY}/time",
            f"{_KEY}/time/buckets",
        ),
        *(f"{_KEY}/first", f"{_KEY}/first/value", f"{_KEY}/last/value", _TIME, f"{_TIME}/key", f"{_TIME}/doc_count"),
        *(f"{_TIME}/value", f"{_TIME}/value/value", "aggregations/all", "aggregations/all/sum", "aggregations/all/min"),
        *("aggregations/all/max", "aggregations/all/count"),
    ],
)
def test_an_answer_that_was_changed_in_one_place_is_refused(path: str, value: Any) -> None:
    answer = _changed(path, value)

    def read() -> list[float]:
        return values_of(answer, cells(answer, ["a", "b"], Grid(0, 60, 4), "x"), "sum", "x").tolist()

    if path in (f"{_TIME}/key", f"{_KEY}/first/value") and value in (0, 1.5) and value is not False:
        assert path == f"{_KEY}/first/value" or value == 1.5 or read() == [2.0, 5.0, 2.0, 5.0]
        return
    if path in _HARMLESS and type(value) in (int, float) and value not in _HARMLESS[path]:
        assert read() == [2.0, 5.0, 2.0, 5.0], "a bound that is wider than it is lets the same values through"
        return
    with pytest.raises(StoreError):
        read()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sum_other_doc_count": 4}, "left out"),
        ({"doc_count_error_upper_bound": 4}, "left out"),
        ({"buckets": [_answer()["aggregations"]["keys"]["buckets"][0]]}, "6 documents, 3 in its keys"),
        ({"buckets": [{**one, "key": "a"} for one in _answer()["aggregations"]["keys"]["buckets"]]}, "twice"),
        (
            {"buckets": [{**one, "key": "c"} for one in _answer()["aggregations"]["keys"]["buckets"]]},
            "not requested: 'c'",
        ),
    ],
)
def test_keys_that_were_left_out_or_not_asked_for_are_an_error(change: dict[str, Any], says: str) -> None:
    answer = _answer()
    answer["aggregations"]["keys"].update(change)
    with pytest.raises(StoreError, match=says):
        cells(answer, ["a", "b"], Grid(0, 60, 4), "x")


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
    cluster = Cluster(find_place("http://me:secret@localhost:9200/x"), Access(wait=0.0))

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
    for query, answer in zip(queries, chain.from_iterable(halving.series_many(queries)), strict=True):
        grid = Grid.over(query.window, 60)
        assert (answer.keys, answer.grid) == (query.keys, grid)
        np.testing.assert_array_equal(answer.values, np.arange(keys)[:, None] * 1e12 + grid.times())
    # The halves of a part that was refused are both sent at once, beside what was under way already.
    assert store.most <= at_once + (0 if said <= meant else 2)
    if said <= meant:
        assert halving.sent == len(halving.requests(queries, hours=False))


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_as_many_requests_are_under_way_together_as_are_allowed(at_once: int) -> None:
    store = _Limited(40, 40, company=at_once)
    queries = [Query(BITS, ("1",), Window(0, 60 * count), 60) for count in (300, 20, 20, 20)]
    for sent in (queries[:1], queries[1:] if at_once < 4 else queries):
        store.most = 0
        assert len(list(chain.from_iterable(Halving(store, at_once).series_many(sent)))) == len(sent)
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
        ([503] * 99, None, "try again later"),
        ([400], 1, "rejects the request"),
        ([401], 1, "401"),
    ],
)
def test_what_can_pass_is_tried_again_and_nothing_else(
    failures: list[int], asked: int | None, outcome: str | None
) -> None:
    _Flaky.failures, _Flaky.asked = list(failures), 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Flaky)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        # Three pauses of chance length may come to 3.5 s: only who has to give up is in a hurry.
        wait = 30.0 if outcome is None else 3.0
        cluster = Cluster(find_place(f"http://127.0.0.1:{server.server_address[1]}/x"), Access(wait=wait))
        if outcome is None:
            assert cluster.ask("GET", "/x") == {"ok": True}
        else:
            with pytest.raises(Failure, match=outcome):
                cluster.ask("GET", "/x")
        assert _Flaky.asked > 2 if asked is None else _Flaky.asked == asked
        cluster.close()
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "key", ["SEKRET==\n# a comment", '{"id": "SEKRET",\n"encoded": "x"}', "SEKRET 1", "SEKRET\x00", "ключ"]
)
def test_an_api_key_that_can_be_none_is_refused_and_not_shown(tmp_path: Path, key: str) -> None:
    file = tmp_path / "key"
    file.write_text(key)
    for made in (
        lambda: elastic_access(Entry(api_key_file=file), environment={}),
        lambda: elastic_access(environment={"ES_API_KEY": key}),
    ):
        with pytest.raises(UsageFailure, match="invalid characters: the file must contain nothing else") as caught:
            made()
        assert "SEKRET" not in str(caught.value)


@pytest.mark.parametrize("digits", [32, 40, 63, 65])
def test_a_fingerprint_is_a_sha_256(digits: int) -> None:
    with pytest.raises(UsageFailure, match="64 hexadecimal digits"):
        elastic_access(Entry(ca_fingerprint="a" * digits), environment={})
    assert elastic_access(Entry(ca_fingerprint=":".join(["AB"] * 32)), environment={}).fingerprint


@pytest.mark.parametrize(
    ("name", "said", "refused"),
    [
        ("http://es.example:9200/x", Access(api_key="k"), True),
        ("http://u:p@192.0.2.1:9200/x", Access(), True),
        ("http://localhost:9200,http://es.example:9200/x", Access("u", "p"), True),
        ("http://localhost.example:9200/x", Access(api_key="k"), True),
        ("http://es.example:9200/x", Access(), False),
        ("http://es.example:9200/x", Access(api_key="k", allow_http=True), False),
        ("https://es.example:9200/x", Access(api_key="k"), False),
        ("http://127.0.0.5:9200/x", Access(api_key="k"), False),
        ("http://[::1]:9200/x", Access("u", "pässwörd"), False),
        ("http://localhost:9200/x", Access("u", "p"), False),
    ],
)
def test_what_logs_in_goes_to_another_machine_by_https_alone(name: str, said: Access, refused: bool) -> None:
    if not refused:
        Cluster(find_place(name), said).close()
        return
    with pytest.raises(AccessDenied, match="--allow-http") as caught:
        Cluster(find_place(name), said)
    assert caught.value.exit_code == 5


def test_hosts_of_mixed_schemes_are_refused() -> None:
    for name in ("https://a,http://b/x", "http://a:9200,https://b:9200/x"):
        with pytest.raises(UsageFailure, match="mixes http and https hosts, which"):
            find_place(name)


@pytest.mark.parametrize(
    ("hosts", "urls"),
    [
        ("http://a/es,http://b/es", ("http://a:80/es", "http://b:80/es")),
        ("http://a:1/es/", ("http://a:1/es",)),
        ("http://a:1, http://b:2", ("http://a:1", "http://b:2")),
        ("http://a/es,http://b/other", None),
    ],
)
def test_hosts_of_the_environment_may_lie_under_a_path(
    monkeypatch: pytest.MonkeyPatch, hosts: str, urls: tuple[str, ...] | None
) -> None:
    monkeypatch.setenv("ELASTICSEARCH_URL", hosts)
    if urls is None:
        with pytest.raises(UsageFailure, match="different paths"):
            find_place("elasticsearch:x")
    else:
        assert (find_place("elasticsearch:x").urls, find_place("elasticsearch:x").index) == (urls, "x")


class _Hostile(BaseHTTPRequestHandler):
    """Answers as no cluster does."""

    protocol_version = "HTTP/1.1"
    kind = ""

    def do_GET(self) -> None:
        body, status, more = b'{"ok":true}', 200, {}
        if self.kind == "bomb":
            body, more = gzip.compress(b" " * (64 << 20)), {"Content-Encoding": "gzip"}
        elif self.kind == "redirect":
            status, more = 301, {"Location": "https://elsewhere.example/x"}
        elif self.kind == "reason":
            status, body = 400, b'{"error":{"type":"x","reason":"\\u001b]0;title\\u0007 \\u202e\\nsecond"}}'
        elif self.kind == "large":
            body = b'"' + b" " * (MOST_BYTES + 1) + b'"'
        self.send_response(status)
        for name, value in {"X-Elastic-Product": "Elasticsearch", "Content-Type": "application/json", **more}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("bomb", "unpacks to more than 200 times"),
        ("large", "larger than 256 MiB"),
        ("redirect", "redirects to https://elsewhere.example/x"),
        ("reason", r"\\x1b\]0;title\\x07 \\u202e second"),
    ],
)
def test_what_no_cluster_answers_ends_in_a_line(kind: str, says: str) -> None:
    _Hostile.kind = kind
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hostile)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        cluster = Cluster(find_place(f"http://127.0.0.1:{server.server_address[1]}/x"), Access(wait=0.0))
        with pytest.raises(StoreError, match=says) as caught:
            cluster.ask("GET", "/x")
        assert str(caught.value).isprintable()
        cluster.close()
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("2", 2.0), ("0.5", 0.5), ("-3", 0.0), (None, None), ("soon", None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)],
)
def test_a_server_says_in_seconds_or_by_a_date_when_to_come_again(said: str | None, seconds: float | None) -> None:
    assert seconds_of(said) == seconds


def test_one_waits_no_longer_than_one_is_patient_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]
    monkeypatch.setattr("traffic.store.elastic.wire.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(
        "traffic.store.elastic.wire.time.sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds)
    )
    waiting = Waiting("es", 60.0)
    times = [clock[0]]
    while waiting.longer("is busy (429)", None):
        times.append(clock[0])
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert 45 < clock[0] <= 60
    assert all(0.25 <= pause <= 15 for pause in pauses)
    assert len(set(pauses)) == len(pauses), "no two are alike"
    assert capsys.readouterr().err == "sl: es: is busy (429); waiting up to 60 s\n", "once, after five seconds"
    assert Waiting("es", 60.0).longer("is busy", "30")
    assert not Waiting("es", 60.0).longer("is busy", "90"), "longer than one is patient"
