"""The Kentik client on a real socket: who may ask, how often, and what goes wrong."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import trustme

from analyzer.model import Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.fetch import Halving
from analyzer.reading.scope import Scope
from tests.kentik.account import customers_named
from tests.kentik.clock import Clock
from tests.kentik.opened import ACCESS, MONDAY, flat, source
from tests.kentik.server import QUERIES, TOKEN, USER, Fault, Kentik, Limits, http_date
from traffic.errors import AccessDenied, Failure
from traffic.model import DAY, HOUR, Query, Window
from traffic.store.access import Access
from traffic.store.base import Away, StoreError
from traffic.store.kentik import KentikSource
from traffic.store.kentik.client import TRIES, Client
from traffic.store.kentik.pace import Limit, Pace
from traffic.store.kentik.place import ApiAddress, find_place

NOW = MONDAY + 5 * DAY


@pytest.fixture
def fake() -> Iterator[Kentik]:
    with Kentik(flat(3, 5)) as running:
        yield running


def opened(kentik: Kentik, clock: Clock, limits: tuple[Limit, ...] = (Limit(10**6, 1),)) -> Client:
    pace = Pace(limits, clock=clock, sleep=clock.sleep)
    return Client(find_place(kentik.store), ACCESS, pace, clock.sleep, clock)


QUERY = {
    "queries": [
        {
            "bucket": "b",
            "query": {
                "metric": "bytes",
                "dimension": "AS_dst",
                "lookback_seconds": 0,
                "starting_time": "2025-08-04 00:00",
                "ending_time": "2025-08-04 01:00",
            },
        }
    ]
}


# --- what passes is tried again --------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault(429),
        Fault(502),
        Fault(503, b"<html>busy</html>", {"Content-Type": "text/html"}),
        Fault(504),
        Fault(short=True),
        Fault(cut=0.0),
        Fault(cut=0.6),
        Fault(200, b"<!doctype html><p>proxy", {"Content-Type": "text/html"}),
        Fault(200, b""),
        Fault(200, b'{"results": NaN}'),
        Fault(200, b"\xff\xfe"),
    ],
)
def test_what_can_pass_is_asked_for_again(fake: Kentik, fault: Fault) -> None:
    clock = Clock(0)
    fake.fail(fault)
    assert opened(fake, clock).query(QUERY, "this")["results"]
    assert len(fake.log) == 2
    assert 1 <= clock() <= 2


def test_time_between_tries_doubles_with_a_share_of_chance(fake: Kentik) -> None:
    clock = Clock(0)
    fake.fail(Fault(503), TRIES - 1)
    assert opened(fake, clock).query(QUERY, "this")["results"]
    assert sum(2**n for n in range(TRIES - 1)) <= clock() <= sum(2 * 2**n for n in range(TRIES - 1))


def test_the_last_try_is_the_error(fake: Kentik) -> None:
    fake.fail(Fault(503), 99)
    with pytest.raises(
        StoreError, match=f"is not ready \\(503; this\\); tried {TRIES} times: try again later"
    ) as caught:
        opened(fake, Clock(0)).query(QUERY, "this")
    assert len(fake.log) == TRIES
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("form", [lambda _now: "90", lambda now: http_date(now + 90)])
def test_retry_after_is_waited_for(fake: Kentik, form: Callable[[float], str]) -> None:
    clock = Clock(1000)
    fake.fail(Fault(429, headers={"Retry-After": form(1000)}))
    client = opened(fake, clock)
    assert client.query(QUERY, "this")["results"]
    assert 1090 <= clock() <= 1092
    assert client.slowed == 1


def test_who_waits_does_not_wait_on_when_another_request_has_failed_for_good(fake: Kentik) -> None:
    """With the real clock: otherwise this takes half an hour."""
    client = Client(find_place(fake.store), ACCESS)
    fake.fail(Fault(429, headers={"Retry-After": "1800"}))
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(client.query, QUERY, "that")
        while not fake.log:
            time.sleep(0.01)
        client._queries = Pace()
        with pytest.raises(StoreError, match="rejects the query"):
            client.query({"queries": []}, "this")
        with pytest.raises(StoreError, match=r"rejects the query \(400; this\)"):
            waiting.result()
    # and is as good as new
    assert client.query(QUERY, "this")["results"]


def test_who_is_asked_to_wait_for_a_day_says_so_and_stops(fake: Kentik) -> None:
    fake.fail(Fault(429, headers={"Retry-After": "86400"}))
    with pytest.raises(StoreError, match=r"a pause of 24\.0 h"):
        opened(fake, Clock(0)).query(QUERY, "this")
    assert len(fake.log) == 1


# --- what cannot pass is not -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "said", "code"),
    [
        (Fault(400, b'{"error": "bad time"}'), "rejects the query (400; this): bad time; check input/kentik_query", 1),
        (Fault(401), "does not accept this user and token (401): check KENTIK_API_USER", 5),
        (Fault(403), "does not allow this user to query (403)", 5),
        (Fault(404), "has no query API (404): check the address", 1),
        (Fault(413), "too large", 1),
        (Fault(500, b'{"error": "oops\\nat line 7"}'), "rejects the query (500; this): oops at line 7", 1),
        (
            Fault(302, b"", {"Location": "https://evil.example/x"}),
            "redirects to evil.example (302), which is not followed",
            1,
        ),
        (Fault(302, b"", {"Location": "https://[::1/x"}), "redirects to another place (302), which is not followed", 1),
        (Fault(200, b"[]"), "does not respond like Kentik (this)", 1),
    ],
)
def test_what_cannot_pass_is_asked_for_once(fake: Kentik, fault: Fault, said: str, code: int) -> None:
    fake.fail(fault, 9)
    with pytest.raises(Failure) as caught:
        opened(fake, Clock(0)).query(QUERY, "this")
    assert said in str(caught.value)
    assert caught.value.exit_code == code
    assert len(fake.log) == 1


def test_a_redirect_is_not_followed_so_that_no_other_host_sees_the_token(fake: Kentik) -> None:
    with Kentik(flat(1, 1)) as other:
        fake.fail(Fault(307, b"", {"Location": f"{other.url}/api/v5/query/topXdata"}))
        with pytest.raises(StoreError, match="not followed"):
            opened(fake, Clock(0)).query(QUERY, "this")
        assert other.log == []


def test_a_wrong_token_is_exit_5_and_stands_nowhere(fake: Kentik) -> None:
    place = find_place(fake.store)
    client = Client(place, Access("netops@example.com", "wr0ng-t0k3n"), sleep=Clock(0).sleep)
    with pytest.raises(AccessDenied) as caught:
        client.query(QUERY, "this")
    assert "wr0ng-t0k3n" not in f"{caught.value!r} {client!r} {vars(client)['_access']!r}"
    assert [asked.status for asked in fake.log] == [401]


def test_a_server_that_nobody_vouches_for_is_not_told_the_token(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Kentik(flat(1, 5), tls=context) as fake:
        with pytest.raises(AccessDenied, match=r"no secure connection to kentik:https.*--ca-file"):
            opened(fake, Clock(0)).query(QUERY, "this")
        assert fake.log == []
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        trusting = Access(USER, TOKEN, ca_file=str(tmp_path / "ca.pem"))
        assert Client(find_place(fake.store), trusting).query(QUERY, "this")["results"]


def test_both_paths_of_the_query_api_answer(fake: Kentik) -> None:
    next_path = ApiAddress(fake.store, f"{fake.url}/api/next/v5")
    assert Client(next_path, ACCESS, sleep=Clock(0).sleep).query(QUERY, "this")["results"]
    assert fake.log[-1].path == "/api/next/v5/query/topXdata"


def test_lists_that_are_no_queries_are_there(fake: Kentik) -> None:
    client = opened(fake, Clock(0))
    assert client.get("/devices")["devices"][0]["device_name"] == "edge_1"
    assert client.get("/sites")["sites"]
    assert client.get("/mykentik/tenants")[0]["name"] == "tenant"


@contextmanager
def deaf() -> Iterator[str]:
    """A server that takes connections and never says a word; its store."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"kentik:http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_server_that_never_answers_is_given_up_after_a_few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traffic.store.kentik.client.READ", 0.05)
    clock = Clock(NOW)
    with deaf() as store:
        slow = KentikSource(store, ACCESS, now=clock, pace=Pace(clock=clock, sleep=clock.sleep), sleep=clock.sleep)
        keys = tuple(customers_named(40))
        with pytest.raises(StoreError, match=r"did not answer within 0 s .* nor to the previous requests"):
            Halving(slow).series(Query(slow.metric, keys, Window(MONDAY, MONDAY + 3 * DAY), 60))


def test_a_query_that_takes_too_long_is_asked_for_in_halves(fake: Kentik, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traffic.store.kentik.client.READ", 0.2)
    store = source(fake)
    keys = tuple(fake.account.names.values())
    fake.fail(Fault(wait=0.5), 2)
    matrix = Halving(store).series(Query(store.metric, keys, Window(MONDAY, MONDAY + HOUR), 60))
    assert matrix.values.tolist() == [fake.account.series[asn][:60].tolist() for asn in fake.account.names]
    assert [len(asked.customers) for asked in fake.log] in (
        [1, 2],
        [3, 3, 1, 2],
        [3, 1, 2, 3],
        [3, 1, 3, 2],
        [1, 3, 2, 3],
    )


@pytest.mark.parametrize("at_once", [2, 4])
def test_several_that_take_too_long_at_once_are_asked_for_in_halves_too(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That none of them is answered does not mean that nobody is there: their halves may be."""
    monkeypatch.setattr("traffic.store.kentik.client.READ", 0.3)
    with Kentik(flat(4, 12)) as fake:
        store = source(fake)
        keys = tuple(fake.account.names.values())
        fake.fail(Fault(wait=0.6), 3 * at_once)
        matrix = Halving(store, at_once).series(Query(store.metric, keys, Window(MONDAY, MONDAY + 12 * DAY), 60))
        assert matrix.values.tolist() == [series.tolist() for series in fake.account.series.values()]


def test_a_host_that_takes_no_connection_is_not_asked_for_less(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_args: object, **_named: object) -> None:
        raise requests.exceptions.ConnectTimeout("Connection to 192.0.2.1 timed out")

    client = Client(find_place("kentik:"), ACCESS, sleep=Clock(0).sleep)
    monkeypatch.setattr(client._session, "request", lost)
    with pytest.raises(Away, match=r"cannot be reached \(no connection in 10 s; this\); tried 6 times"):
        client.query(QUERY, "this")


@pytest.mark.parametrize(
    ("proxy", "host"),
    [
        ("socks5://u:s3cr3t@127.0.0.1:1", "127.0.0.1"),
        ("http://u:s3cr3t@[::1", "127.0.0.1"),
        ("", "a" * 70 + ".example"),
    ],
)
def test_an_address_or_proxy_that_cannot_be_used_is_told_at_once(
    proxy: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    client = Client(find_place(f"kentik:https://{host}:9"), ACCESS, sleep=Clock(0).sleep)
    with pytest.raises(StoreError, match=r"cannot be queried \(.*\): check the address and HTTPS_PROXY") as caught:
        client.query(QUERY, "this")
    assert client.sent == 1
    assert "s3cr3t" not in str(caught.value)


def test_a_stand_in_is_asked_without_a_proxy(fake: Kentik, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert opened(fake, Clock(0)).query(QUERY, "this")["results"]


def test_nobody_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = Client(find_place(f"kentik:http://127.0.0.1:{port}"), ACCESS, sleep=Clock(0).sleep)
    with pytest.raises(StoreError, match=r"cannot be reached \(.*refused.*; this\); tried 6 times"):
        client.query(QUERY, "this")


# --- limits ----------------------------------------------------------------------------------------


NO_LIMITS = (Limit(10**6, 1),)


def busy(
    requests: int, ours: tuple[Limit, ...] | None = None, theirs: Limits = QUERIES, threads: int = 1
) -> tuple[Kentik, Clock]:
    """So many queries, as fast as our limits allow (None: as they are), against the stand-in's."""
    clock = Clock(NOW)
    with Kentik(flat(1, 1), theirs, clock, latency=0.2, retry_after=lambda _now: "30") as fake:
        pace = Pace(ours, clock=clock, sleep=clock.sleep) if ours else Pace(clock=clock, sleep=clock.sleep)
        client = Client(find_place(fake.store), ACCESS, pace, clock.sleep, clock)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda _: client.query(QUERY, "this"), range(requests)))
    return fake, clock


def test_the_published_limits_are_kept_before_a_429_comes() -> None:
    fake, clock = busy(200)
    assert [asked.status for asked in fake.log] == [200] * 200
    assert 6 * 60 < clock() - NOW < 8 * 60
    for first, later in zip(fake.log, fake.log[30:], strict=False):
        assert later.at - first.at >= 60


def test_no_more_than_four_are_under_way_at_once() -> None:
    fake, _ = busy(60, threads=9)
    assert {asked.status for asked in fake.log} == {200}
    assert 1 <= fake.queries.most_at_once <= 4


def test_without_our_limits_the_stand_in_delays_and_refuses() -> None:
    """Otherwise the tests above would show nothing."""
    _, clock = busy(40, NO_LIMITS)
    assert clock() - NOW == pytest.approx(40 * 0.2 + 10 * 1.0)
    rushed, clock = busy(150, NO_LIMITS, Limits(soft=10**6))
    assert [asked.status for asked in rushed.log[:101]] == [200] * 100 + [429]
    assert clock() - NOW > 60


# --- bad answers: a clear line, and nothing kept ---------------------------------------------------


@dataclass(frozen=True)
class Bad:
    """An answer to a query for series, for as often as it is asked for."""

    what: str
    fault: Fault
    said: str
    code: int = 1


def results(rows: bytes) -> bytes:
    return b'{"results": [{"bucket": "Left +Y Axis", "data": ' + rows + b"}]}"


def series(flow: bytes) -> bytes:
    asn = customers_named(1)[0].encode()
    return results(b'[{"key": "' + asn + b'", "timeSeries": {"both_bits_per_sec": {"flow": ' + flow + b"}}}]")


BAD = (
    Bad("not logged in", Fault(401), "does not accept this user", 5),
    Bad("not allowed", Fault(403), "does not allow", 5),
    Bad("a query that it does not understand", Fault(400, b'{"error": "unknown metric"}'), "unknown metric"),
    Bad("too often", Fault(429), "received too many requests (429;"),
    Bad("a mistake of its own", Fault(500), "rejects the query (500;"),
    Bad("a page instead of JSON", Fault(200, b"<html>"), "sent an answer that is not JSON ('<html>';"),
    Bad("another place", Fault(301, b"", {"Location": "//elsewhere.example/"}), "redirects to elsewhere.example"),
    Bad("another API", Fault(200, b'{"hits": []}'), "no list of results in it"),
    Bad("rows without keys", Fault(200, results(b"[{}]")), "its rows have no keys"),
    Bad("points without a width", Fault(200, series(b"[[1, 2]]")), "has no points of time, value and width"),
    Bad("points as wide as an hour, always", Fault(200, series(b"[[1, 1, 3600]]")), "3,600 s wide, not 60"),
)  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.what)
def test_a_bad_answer_is_one_clear_line_and_nothing_of_it_is_kept(bad: Bad, tmp_path: Path) -> None:
    clock = Clock(NOW)
    with Kentik(flat(1, 5), clock=clock) as fake:
        job = Search(tmp_path, Policy(), Scope(60, NOW, start=MONDAY, end=NOW), charts=0)
        # The list of customers is right.
        fake.faults.append(Fault())
        fake.fail(bad.fault, 10_000)
        with pytest.raises(Failure) as caught:
            discover(source(fake, clock, (Limit(10**6, 1),)), job, None, Ledger(), lambda _done, _all: None)
        asked = len(fake.log)
        fake.faults.clear()
        line = str(caught.value)
        assert bad.said in line
        assert caught.value.exit_code == bad.code
        assert len(line.splitlines()) == 1
        assert len(line) < 300
        assert TOKEN not in line
        # Which window and whose, unless nobody's would have been answered.
        if bad.fault.status not in (401, 403, 301):
            assert "AS64512, 2025-" in line
        kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert b'"kind":"series"' not in kept.replace(b" ", b"")
        # Then all is well, and all is asked for that was not answered.
        discover(source(fake, clock), job, None, Ledger(), lambda _done, _all: None)
        assert len(fake.log) > asked


def test_a_bad_answer_of_several_customers_names_the_first_of_them(tmp_path: Path) -> None:
    clock = Clock(NOW)
    with Kentik(flat(3, 5), clock=clock) as fake:
        job = Search(tmp_path, Policy(), Scope(60, NOW, start=MONDAY, end=NOW), charts=0)
        fake.faults.append(Fault())
        fake.fail(Fault(200, results(b"[{}]")), 10_000)
        with pytest.raises(Failure, match=r"\(.*; 3 customers from AS64512, 2025-"):
            discover(source(fake, clock), job, None, Ledger(), lambda _done, _all: None)


def test_threads_share_one_account(fake: Kentik) -> None:
    clock = Clock(0)
    client = opened(fake, clock)
    threads = [threading.Thread(target=client.query, args=(QUERY, "this")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fake.log) == client.sent == 8
