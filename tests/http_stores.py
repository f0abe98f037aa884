"""The stores that are asked over HTTP, a row each: how a world gets into a real server, and how its answers look.

tests/test_http_stores.py runs on each what all of them owe: no bad answer is believed or kept, a run that is killed
goes on, and what logs in is told to nobody. A new store is a row here.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest

from tests.between import Asked
from tests.elasticsearch.fixtures import NEWEST
from tests.elasticsearch.home import NEWEST_OPENSEARCH
from tests.elasticsearch.server import Server
from tests.kentik.account import Account, customers_named
from tests.kentik.clock import Clock
from tests.kentik.opened import ACCESS
from tests.kentik.server import TOKEN, USER, Kentik
from tests.prometheus.fixtures import running
from traffic.model import DAY, HOUR, WEEK, Floats, week_start
from traffic.store import Columns, open_source
from traffic.store.access import Access
from traffic.store.base import Source
from traffic.store.kentik import KentikSource
from traffic.store.kentik.answers import asn_of
from traffic.store.kentik.pace import Pace
from traffic.store.kentik.source import INPUT

STEP = 600
MONDAY = week_start(1_748_000_000)
END = MONDAY + 3 * WEEK
NOW = END + DAY
SPIKE = END - 4 * DAY + 14 * HOUR
KEYS = tuple(customers_named(3))
"""The last of them has eight times its traffic for two hours."""
LOST = "b4ckd00r"
"""A password, or a token, that no server takes."""


def values(key: str) -> Floats:
    """What a key has, a value a step: a day's wave, with noise that is the same in every run."""
    times = np.arange(MONDAY, END, STEP)
    place = KEYS.index(key)
    found = 1e6 * (place + 1) * (1 + np.sin((times / HOUR - 6) / 12 * math.pi) / 2)
    found[(key == KEYS[-1]) & (times >= SPIKE) & (times < SPIKE + 2 * HOUR)] *= 8
    return np.round(found * (1 + (times // STEP * 7919 + place * 104_729) % 1000 / 5000))


def series() -> Iterator[tuple[int, str, int]]:
    """Time, key and value of every step."""
    for key in KEYS:
        for time, value in zip(range(MONDAY, END, STEP), values(key).tolist(), strict=True):
            yield time, key, int(value)


@dataclass(frozen=True)
class Speech:
    """How answers with data look: each of these makes a wrong one of a right one."""

    is_data: Callable[[Asked], bool]
    renamed: Callable[[Any], None]
    """A series is of a key that nobody asked for."""
    moved: Callable[[Any], None]
    """Values are of a year before."""
    valued: Callable[[Any, Any], None]
    """A value is another one."""
    partial: Callable[[Any], None]
    """It says that it is not all."""
    doubled: Callable[[Any], None]
    """A value is there twice."""


@dataclass(frozen=True)
class HttpStore:
    """A store that is asked over HTTP."""

    name: str
    serve: Callable[[pytest.FixtureRequest], AbstractContextManager[str]]
    """A real server with the world in it; its address."""
    store: Callable[[str], str]
    """What `--store` takes for it."""
    opened: Callable[[str, float], Source]
    """The store at an address, and how many seconds it waits for one that has too much to do."""
    speech: Speech
    options: tuple[str, ...]
    """How a command reads it."""
    login: Callable[[str], dict[str, Any]]
    """Environment with which one logs in by this password."""
    secret: Callable[[str], tuple[str, str]]
    """The header in which it is sent, and how."""
    silence: str
    """What holds how many seconds one waits for an answer."""
    held_against_nothing: frozenset[str] = frozenset()
    """Kinds of bad answers that nothing contradicts where they are of no data: what is listed, and not counted."""


# --- Elasticsearch and OpenSearch ------------------------------------------------------------------

INDEX = "sl-test-http"


@contextmanager
def in_cluster(request: pytest.FixtureRequest, version: str) -> Iterator[str]:
    server: Server = request.getfixturevalue("elasticsearch_nodes").get(version)
    server.drop(INDEX)
    types = {"@timestamp": "date", "customer": "keyword", "bytes": "long"}
    mappings = {"properties": {name: {"type": kind} for name, kind in types.items()}}
    server.call("PUT", f"/{INDEX}", {"settings": {"number_of_replicas": 0}, "mappings": mappings})
    documents = ({"@timestamp": time * 1000, "customer": key, "bytes": value} for time, key, value in series())
    lines = [line for one in documents for line in (b'{"create":{}}', json.dumps(one).encode())]
    answer = server.call("POST", f"/{INDEX}/_bulk?filter_path=errors&refresh=true", b"\n".join(lines) + b"\n")
    assert answer == {"errors": False}
    yield server.url
    server.drop(INDEX)


def _keys(answer: Any) -> list[Any]:
    found: list[Any] = answer["aggregations"]["keys"]["buckets"]
    return found


def _times(answer: Any) -> list[Any]:
    return [one for key in _keys(answer) for one in key["time"]["buckets"]]


def _key_is(answer: Any, key: str) -> None:
    _keys(answer)[0]["key"] = key


def _year_before(answer: Any) -> None:
    for one in _times(answer):
        one["key"] -= 52 * WEEK * 1000


def _figure_is(answer: Any, value: Any) -> None:
    one = _times(answer)[-1]
    (one["stats"] if "stats" in one else one["value"])["max" if "stats" in one else "value"] = value


def _shard_fails(answer: Any) -> None:
    answer["_shards"].update(failed=1, successful=answer["_shards"]["successful"] - 1)


def _bucket_again(answer: Any) -> None:
    _keys(answer)[0]["time"]["buckets"].append(_keys(answer)[0]["time"]["buckets"][0])


def _basic(user: str, password: str) -> tuple[str, str]:
    return "authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


CLUSTER_SPEECH = Speech(
    lambda asked: b"date_histogram" in asked.body and b'"keys"' in asked.body,
    partial(_key_is, key="intruder"),
    _year_before,
    _figure_is,
    _shard_fails,
    _bucket_again,
)
DOCUMENTS = Columns(None, "customer", "bytes", statistic="sum", step=STEP)


def cluster(name: str, version: str) -> HttpStore:
    """A cluster of that version."""
    return HttpStore(
        name,
        partial(in_cluster, version=version),
        lambda url: f"{url}/{INDEX}",
        lambda url, wait: open_source(f"{url}/{INDEX}", DOCUMENTS, Access(wait=wait)),
        CLUSTER_SPEECH,
        ("--key", "customer", "--value", "bytes", "--statistic", "sum", "--document-step", f"{STEP}s"),
        lambda password: {"ELASTICSEARCH_USERNAME": USER, "ELASTICSEARCH_PASSWORD": password},
        partial(_basic, USER),
        "traffic.store.elastic.client.TIMEOUT",
    )


# --- Prometheus and VictoriaMetrics ----------------------------------------------------------------


@contextmanager
def in_prometheus(request: pytest.FixtureRequest, program: str) -> Iterator[str]:
    for server in running(program, request.getfixturevalue("tmp_path_factory")):
        times = np.arange(MONDAY, END, STEP).tolist()
        server.fill([("x", {"k": key}, list(zip(times, values(key).tolist(), strict=True))) for key in KEYS])
        yield server.url


def _label_is(answer: Any, value: str) -> None:
    answer["data"]["result"][0]["metric"]["k"] = value


def _matrix_moved(answer: Any) -> None:
    for one in answer["data"]["result"]:
        one["values"] = [[time - 52 * WEEK, value] for time, value in one["values"]]


def _sample_is(answer: Any, value: Any) -> None:
    found = answer["data"]["result"][0]["values"]
    found[len(found) // 2][1] = str(value)


def _sample_again(answer: Any) -> None:
    found = answer["data"]["result"][0]["values"]
    found.insert(1, found[0])


PROMQL_SPEECH = Speech(
    lambda asked: (
        asked.path.endswith("query_range") and (b"sl_field" in asked.body or int(asked.fields["step"]) < HOUR)
    ),
    partial(_label_is, value="intruder"),
    _matrix_moved,
    _sample_is,
    lambda answer: answer.update(warnings=["store 2 is unreachable"], isPartial=True),
    _sample_again,
)


def promql(name: str) -> HttpStore:
    """A server that speaks PromQL."""
    return HttpStore(
        name,
        partial(in_prometheus, program=name),
        lambda url: f"prometheus:{url}",
        lambda url, wait: open_source(f"prometheus:{url}", Columns(value="x", key="k"), Access(wait=wait)),
        PROMQL_SPEECH,
        ("--value", "x", "--key", "k"),
        lambda password: {"PROMETHEUS_USERNAME": USER, "PROMETHEUS_PASSWORD": password},
        partial(_basic, USER),
        "traffic.store.prometheus.client.READ",
    )


# --- Kentik ----------------------------------------------------------------------------------------


@contextmanager
def in_kentik(_request: pytest.FixtureRequest) -> Iterator[str]:
    each = {asn_of(key) or 0: np.repeat(values(key), STEP // 60) for key in KEYS}
    names = {asn_of(key) or 0: key for key in KEYS}
    account = Account(MONDAY, each, names, full_retention=3650, fast_retention=3650, fast=1.0)
    with Kentik(account, clock=Clock(NOW)) as fake:
        yield fake.url


def open_kentik(url: str, _wait: float) -> Source:
    """On a clock that only goes when somebody waits."""
    clock = Clock(NOW)
    pace = Pace(clock=clock, sleep=clock.sleep)
    return KentikSource(f"kentik:{url}", ACCESS, INPUT, now=clock, pace=pace, sleep=clock.sleep)


def _rows(answer: Any) -> list[Any]:
    found: list[Any] = answer["results"][0]["data"]
    return found


def _flow(answer: Any, place: int = 0) -> list[Any]:
    found: list[Any] = _rows(answer)[place]["timeSeries"]["both_bits_per_sec"]["flow"]
    return found


def _customer_is(answer: Any, key: str) -> None:
    _rows(answer)[0]["key"] = key


def _flow_moved(answer: Any) -> None:
    for place in range(len(_rows(answer))):
        for point in _flow(answer, place):
            point[0] -= 52 * WEEK * 1000


def _point_is(answer: Any, value: Any) -> None:
    _flow(answer)[len(_flow(answer)) // 2][1] = value


def _points_gone(answer: Any) -> None:
    for row in _rows(answer):
        row["timeSeries"] = {}


KENTIK = HttpStore(
    "kentik",
    in_kentik,
    lambda url: f"kentik:{url}",
    open_kentik,
    Speech(
        lambda asked: b'"dst_as"' in asked.body,
        partial(_customer_is, key="INTRUDER,US (64999)"),
        _flow_moved,
        _point_is,
        # It has no word for it: rows come without their series.
        _points_gone,
        lambda answer: _flow(answer).insert(1, list(_flow(answer)[0])),
    ),
    (),
    lambda password: {"KENTIK_API_USER": USER, "KENTIK_API_PASSWORD": password},
    lambda password: ("x-ch-auth-api-token", password),
    "traffic.store.kentik.client.READ",
    # Who is not in the list of customers is not looked at.
    frozenset({"another series"}),
)

STORES = (
    promql("prometheus"),
    promql("victoria-metrics"),
    KENTIK,
    cluster("elasticsearch", NEWEST),
    cluster("opensearch", NEWEST_OPENSEARCH),
)
_GROUPS = {"elasticsearch": f"elasticsearch-{NEWEST}", "opensearch": f"elasticsearch-{NEWEST_OPENSEARCH}"}
"""Whose tests run one after another, as those of the fixture `elasticsearch` do."""


def every_store() -> Iterator[Any]:
    """The rows as parameters."""
    for one in STORES:
        node = [pytest.mark.elasticsearch] if one.name in _GROUPS else []
        yield pytest.param(one, id=one.name, marks=[*node, pytest.mark.xdist_group(_GROUPS.get(one.name, one.name))])


PASSWORD = TOKEN
