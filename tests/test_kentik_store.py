"""A Kentik account as a store: every customer, every minute, once; as fine as asked, and of one kind of data."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.model import Findings, Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.fetch import Halving
from analyzer.reading.plan import plan
from analyzer.reading.scope import Scope
from tests.kentik.account import Account, customers_named
from tests.kentik.clock import Clock
from tests.kentik.opened import MONDAY, by_asn, flat, source, wave
from tests.kentik.server import QUERIES, Asked, Fault, Kentik
from tests.test_kentik_pure import INPUT, edited, plain_files, query_of
from traffic.errors import Failure, UsageFailure
from traffic.model import BITS, DAY, HOUR, WEEK, Floats, Grid, Query, Window
from traffic.store.base import StoreError
from traffic.store.kentik import KentikSource
from traffic.store.kentik.template import CUSTOMERS, SERIES
from traffic.times import instant, iso, resolution


def twin(account: Account, asn: int, window: Window, step: int, share: float = 1.0) -> Floats:
    """The mean of the minutes that are there, of each bucket."""
    values = account.series[asn]
    grid = Grid.over(window, step)
    minutes = Grid.over(grid.window, 60).times()
    place = (minutes - account.start) // 60
    known = np.where((place >= 0) & (place < len(values)), values.take(place, mode="clip"), math.nan)
    cells = known.reshape(grid.count, step // 60)
    with warnings.catch_warnings():
        # of buckets that hold nothing
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(cells, axis=1) * share if grid.count else np.zeros(0)


def run(store: KentikSource, output: Path, now: int, **more: object) -> tuple[Findings, Ledger]:
    ledger = Ledger()
    full_scan = bool(more.pop("full_scan", False))
    scope = Scope(**{"resolution": 60, "now": now, **more})  # type: ignore[arg-type]
    job = Search(output, Policy(), scope, full_scan, charts=0)
    return discover(store, job, None, ledger, lambda _done, _all: None), ledger


def window_of(asked: Asked) -> Window:
    return Window(*(instant(text, 0) for text in asked.times))


def tiles(log: list[Asked], asns: list[int], span: Window) -> None:
    """Every customer was requested in every minute of the span, once."""
    for asn in asns:
        asked = sorted(window_of(one) for one in log if asn in one.customers)
        assert asked[0].start == span.start
        assert asked[-1].end == span.end
        assert all(first.end == later.start for first, later in pairwise(asked))


# --- all of it, once -------------------------------------------------------------------------------


@pytest.mark.parametrize("customers", [1, 2, 39, 40, 41, 80, 81, 100])
def test_every_customer_is_asked_for_whatever_their_number(customers: int, tmp_path: Path) -> None:
    now = MONDAY + 2 * DAY
    with Kentik(flat(customers, 2), clock=Clock(now)) as fake:
        found, ledger = run(source(fake), tmp_path, now, start=MONDAY, end=now)
        asked = fake.series_asked
        assert set(found.keys) == set(fake.account.names.values())
        assert ledger.points["judged hours"] + len(found.not_judged) > 0
        span = Window(min(window_of(one).start for one in asked), now)
        tiles(asked, list(fake.account.series), span)
        groups = {tuple(one.customers) for one in asked}
        assert len(groups) == -(-customers // 40)
        assert max(map(len, groups)) <= 40
        # 28 days of three, and days that began before now: nothing is cut finer than need be
        assert len(asked) == len(groups) * -(-span.seconds // (3 * DAY))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (MONDAY, MONDAY + 8 * HOUR),
        (MONDAY + 1800, MONDAY + 5 * HOUR + 60),
        (MONDAY + 7, MONDAY + 3 * DAY + 13),
        (MONDAY + 23 * HOUR, MONDAY + 24 * HOUR),
        (MONDAY + 60, MONDAY + 120),
    ],
)
@pytest.mark.parametrize("step", [60, 300, 3600])
def test_a_range_may_begin_and_end_anywhere(start: int, end: int, step: int) -> None:
    with Kentik(flat(2, 4)) as fake:
        store = source(fake)
        query = Query(store.metric, tuple(fake.account.names.values()), Window(start, end), step)
        share = 1.0 if step == 60 else fake.account.fast
        expected = [twin(fake.account, asn, query.window, step, share) for asn in fake.account.series]
        np.testing.assert_allclose(Halving(store).series(query).values, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("1", 60), ("1m", 60), ("60s", 60), ("5", 300), ("5m", 300), ("300s", 300), ("10", 600), ("10m", 600),
        ("20m", 1200), ("60", 3600), ("60m", 3600), ("1h", 3600), ("3600s", 3600),
    ],
)  # fmt: skip
def test_every_resolution_that_kentik_has_can_be_asked_for(text: str, step: int, tmp_path: Path) -> None:
    now = MONDAY + 3 * WEEK + 5 * HOUR
    with Kentik(flat(2, 22, full_retention=30, fast_retention=30), clock=Clock(now)) as fake:
        found, _ = run(source(fake), tmp_path, now, resolution=resolution(text))
        assert found.resolution == step
        assert found.metric.unit == "bit/s"
        kinds = {one.query["fastData"] for one in fake.series_asked}
        assert kinds == {"Full" if step == 60 else "Fast"}
        # of the last day, that is still open
        query = Query(found.metric, found.keys, Window(now - 30 * HOUR, now), step)
        share = 1.0 if step == 60 else fake.account.fast
        expected = [twin(fake.account, asn, query.window, step, share) for asn in fake.account.series]
        np.testing.assert_allclose(Halving(source(fake)).series(query).values, expected, rtol=1e-12)


@pytest.mark.parametrize("text", ["2m", "15m", "30m", "30s"])
def test_a_resolution_that_kentik_has_not_is_refused_before_anything_is_sent(text: str, tmp_path: Path) -> None:
    with Kentik(flat(1, 1)) as fake:
        with pytest.raises(UsageFailure, match="1m, 5m, 10m, 20m, 60m"):
            run(source(fake), tmp_path, MONDAY + DAY, resolution=resolution(text))
        assert fake.log == []


@st.composite
def accounts(draw: st.DrawFn, step: int) -> Account:
    """A few customers with holes in their traffic, on a server with some habits.

    Holes of whole hours, where finer points may be averaged: the mean of means is another one if they are of unlike
    numbers of minutes.
    """
    names = by_asn(customers_named(draw(st.integers(1, 6))))
    hole = 1 if step == 60 else 60
    count = draw(st.integers(1, 3 * 24 * 60 // hole))
    series = {}
    for row, asn in enumerate(names):
        chance = np.random.default_rng(draw(st.integers(0, 2**32)))
        values = wave(row, count * hole)
        holes = chance.random(count) < draw(st.sampled_from((0.0, 0.1, 0.9, 1.0)))
        first = draw(st.integers(0, count))
        holes[first : first + draw(st.integers(0, 600 // hole))] = True
        values[np.repeat(holes, hole)] = math.nan
        series[asn] = values
    limit = draw(st.sampled_from((6 * HOUR, DAY, 3 * DAY)))
    return Account(
        MONDAY,
        series,
        names,
        off_grid=draw(st.booleans()),
        past_the_end=draw(st.booleans()),
        nulls=draw(st.booleans()),
        topx=draw(st.sampled_from((1, 2, 3, 40))),
        forced={1: limit, 5: 4 * limit, 10: 10 * limit, 20: 20 * limit},
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data(), step=st.sampled_from((60, 300, 600, 1200, 3600)))
def test_a_series_is_what_the_twin_says_whatever_the_server_is_like(data: st.DataObject, step: int) -> None:
    account = data.draw(accounts(step))
    with Kentik(account) as fake:
        store = source(fake)
        start = MONDAY + data.draw(st.integers(-20_000, 3 * DAY))
        window = Window(start, start + data.draw(st.integers(0, 4 * DAY)))
        keys = data.draw(st.permutations([*account.names.values(), "nobody", "NOBODY,ZZ (1)"]))
        matrix = Halving(store, data.draw(st.sampled_from((1, 4)))).series(
            Query(store.metric, tuple(keys), window, step)
        )
        share = 1.0 if step == 60 else account.fast
        asns = {name: asn for asn, name in account.names.items()}
        empty = np.full(matrix.grid.count, np.nan)
        expected = [twin(account, asns[key], window, step, share) if key in asns else empty for key in keys]
        np.testing.assert_allclose(matrix.values, expected, rtol=1e-12)


def test_gaps_stay_missing_and_an_empty_window_is_no_error() -> None:
    account = flat(2, 1)
    account.series[64512][100:200] = math.nan
    with Kentik(account) as fake:
        store = source(fake)
        keys = tuple(account.names.values())
        values = store.series(Query(store.metric, keys, Window(MONDAY, MONDAY + DAY), 60)).values
        assert np.flatnonzero(np.isnan(values[0])).tolist() == list(range(100, 200))
        assert not np.isnan(values[1]).any()
        nothing = store.series(Query(store.metric, keys, Window(MONDAY + 5 * DAY, MONDAY + 6 * DAY), 60)).values
        assert np.isnan(nothing).all()
        assert store.keys(Window(MONDAY + 5 * DAY, MONDAY + 6 * DAY)) == {}


def test_bytes_can_be_had_as_well_so_that_an_account_can_be_copied() -> None:
    with Kentik(flat(1, 1)) as fake:
        store = source(fake)
        keys = tuple(fake.account.names.values())
        window = Window(MONDAY, MONDAY + HOUR)
        sums = Query(replace(BITS, scale=1.0, rate=False), keys, window, 60)
        bits = store.series(Query(store.metric, keys, window, 60)).values
        np.testing.assert_allclose(store.series(sums).values, bits * 60 / 8, rtol=1e-12)
        with pytest.raises(StoreError, match=r"opened for network\.bytes, not for packets"):
            store.series(Query(replace(BITS, field="packets"), keys, window, 60))


# --- as fine as asked ------------------------------------------------------------------------------


def test_what_comes_coarser_is_asked_for_in_shorter_windows_and_that_is_remembered() -> None:
    with Kentik(flat(3, 12, forced={1: DAY, 5: DAY, 10: DAY, 20: DAY})) as fake:
        store = source(fake)
        keys = tuple(fake.account.names.values())
        query = Query(store.metric, keys, Window(MONDAY, MONDAY + 12 * DAY), 60)
        values = Halving(store).series(query).values
        np.testing.assert_array_equal(values, list(fake.account.series.values()))
        lengths = Counter(window_of(one).seconds // HOUR for one in fake.log)
        # 72 h and 36 h are tried once each; from then on nothing longer than 18 h is sent
        assert (lengths[72], lengths[36]) == (1, 1)
        assert set(lengths) == {72, 36, 18}
        assert store.limits(60).seconds == 18 * HOUR


def test_what_cannot_be_had_any_finer_is_an_error_and_never_coarser() -> None:
    with Kentik(flat(1, 1, forced={})) as fake:
        fake.account.coarsest = HOUR
        store = source(fake)
        query = Query(store.metric, tuple(fake.account.names.values()), Window(MONDAY, MONDAY + DAY), 60)
        with pytest.raises(
            StoreError, match=r"points are 3,600 s wide, not 60, even for such a short .* wider --resolution"
        ):
            Halving(store).series(query)


@pytest.mark.parametrize("step", [60, 300, 600, 1200, 3600])
def test_fast_and_full_data_are_never_mixed(step: int) -> None:
    """Also where the rest of a range is short, or on no whole hour: one of them is 3 % less."""
    with Kentik(flat(1, 40)) as fake:
        store = source(fake)
        reach = store.limits(step).seconds or 0
        window = Window(MONDAY + DAY, MONDAY + DAY + min(reach, 30 * DAY) + step)
        values = Halving(store).series(Query(store.metric, tuple(fake.account.names.values()), window, step)).values
        (asn,) = fake.account.series
        ratio = values[0] / twin(fake.account, asn, window, step)
        np.testing.assert_allclose(ratio, np.full(len(ratio), ratio[0]), rtol=1e-9)
        assert ratio[0] == pytest.approx(1.0 if step == 60 else 0.97)


def test_who_wants_full_data_by_five_minutes_gets_them_in_shorter_windows(tmp_path: Path) -> None:
    folder = edited(tmp_path, SERIES, lambda body: query_of(body).update(fastData="Full"))
    with Kentik(flat(1, 14)) as fake:
        store = source(fake, folder=folder)
        window = Window(MONDAY, MONDAY + 14 * DAY)
        values = Halving(store).series(Query(store.metric, tuple(fake.account.names.values()), window, 300)).values
        (asn,) = fake.account.series
        np.testing.assert_allclose(values[0], twin(fake.account, asn, window, 300), rtol=1e-12)
        assert {one.query["fastData"] for one in fake.log} == {"Full"}
        assert max(window_of(one).seconds for one in fake.log) <= 72 * HOUR


def test_files_of_the_original_s_form_are_answered_like_ours(tmp_path: Path) -> None:
    with Kentik(flat(40, 2)) as fake:
        answers = []
        for folder in (INPUT, plain_files(tmp_path)):
            store = source(fake, folder=folder)
            day = Window(MONDAY, MONDAY + DAY)
            query = Query(store.metric, tuple(store.keys(day)), day, 60)
            answers.append((store.notes(), query.keys, Halving(store).series(query).values))
        (said, keys, values), (also_said, same_keys, same_values) = answers
        assert (said, len(also_said)) == ([], 2)
        assert "kentik_query_tsData.json: set for each request: starting_time" in also_said[1]
        assert keys == same_keys
        assert len(keys) == 40
        np.testing.assert_array_equal(values, same_values)


# --- all customers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("topx", "most"), [(40, 40), (20, 20), (1, 1)])
def test_rows_without_a_series_are_asked_for_again_in_smaller_groups(topx: int, most: int) -> None:
    with Kentik(flat(40, 1, topx=topx)) as fake:
        store = source(fake)
        query = Query(store.metric, tuple(fake.account.names.values()), Window(MONDAY, MONDAY + DAY), 60)
        np.testing.assert_array_equal(Halving(store).series(query).values, list(fake.account.series.values()))
        assert store.limits(60).keys == most


def test_who_is_cut_off_from_the_end_of_a_list_is_missed_and_asked_for() -> None:
    with Kentik(flat(80, 6, depth=30)) as fake:
        store = source(fake)
        query = Query(store.metric, tuple(fake.account.names.values()), Window(MONDAY, MONDAY + 6 * DAY), 60)
        np.testing.assert_array_equal(Halving(store).series(query).values, list(fake.account.series.values()))
        assert store.limits(60).keys == 30
        # 40 once, and the 10 that were missing; then nobody is asked for in vain
        assert sorted(len(one.customers) for one in fake.log) == [10, 20, 20, 20, 20, 20, 20, 40]


def test_who_has_no_traffic_costs_one_more_request_and_not_one_each_time() -> None:
    account = flat(40, 9)
    for asn in list(account.series)[30:]:
        account.series[asn][:] = math.nan
    with Kentik(account) as fake:
        store = source(fake)
        query = Query(store.metric, tuple(account.names.values()), Window(MONDAY, MONDAY + 9 * DAY), 60)
        values = Halving(store).series(query).values
        assert np.isnan(values[30:]).all()
        assert not np.isnan(values[:30]).any()
        assert [len(one.customers) for one in fake.log] == [40, 10, 40, 40]
        assert store.limits(60).keys == 40


def test_customers_are_listed_to_the_last_even_where_lists_are_cut() -> None:
    with Kentik(flat(620, 0.1, depth=250)) as fake:
        store = source(fake)
        keys = store.keys(Window(MONDAY, MONDAY + DAY))
        assert list(keys) == sorted(fake.account.names.values())
        assert len(fake.log) == 3


def test_customers_who_are_known_are_left_out_by_the_filters_that_the_query_has(tmp_path: Path) -> None:
    def change(body: Any) -> None:
        query_of(body)["filters"] = query_of(body).pop("filters_obj")

    with Kentik(flat(300, 0.1, depth=250)) as fake:
        assert len(source(fake, folder=edited(tmp_path, CUSTOMERS, change)).keys(Window(MONDAY, MONDAY + DAY))) == 300


def test_a_list_of_customers_that_takes_too_long_is_asked_for_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traffic.store.kentik.client.READ", 0.2)
    with Kentik(flat(3, 2, nameless=("Total",))) as fake:
        store = source(fake)
        fake.fail(Fault(wait=0.5), 2)
        assert list(store.keys(Window(MONDAY, MONDAY + 2 * DAY))) == sorted(fake.account.names.values())
        assert store.remarks() == ["1 row without an AS number left out, such as 'Total'"]
        halves = {window_of(one) for one in fake.log} - {Window(MONDAY, MONDAY + 2 * DAY)}
        assert halves == {Window(MONDAY, MONDAY + DAY), Window(MONDAY + DAY, MONDAY + 2 * DAY)}


def test_customers_and_series_are_of_the_same_side(tmp_path: Path) -> None:
    folder = edited(tmp_path, CUSTOMERS, lambda body: query_of(body).update(dimension=["AS_src"]))
    with Kentik(flat(1, 1)) as fake, pytest.raises(UsageFailure, match=r'"dimension" of .*customers\.json.* the same'):
        source(fake, folder=folder)


def test_a_list_that_stays_cut_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    account = flat(300, 0.1, depth=250)
    monkeypatch.setattr(account, "_passes", lambda _asn, _filters, _field: True)
    with Kentik(account) as fake:
        store = source(fake)
        assert len(store.keys(Window(MONDAY, MONDAY + DAY))) == 250
        assert store.remarks() == ["the list of customers is cut at 250 rows; the others are unknown"]


def test_who_is_no_customer_has_no_number_or_shares_one_is_left_out_and_said() -> None:
    account = flat(4, 1, others={64515}, nameless=("Total", "-"), renamed={64513: "CUSTOMER-001 Of late,US (64513)"})
    with Kentik(account) as fake:
        store = source(fake)
        keys = store.keys(Window(MONDAY, MONDAY + DAY))
        assert list(keys) == [account.names[asn] for asn in (64512, 64513, 64514)]
        said = store.remarks()
        assert said[0] == "2 rows without an AS number left out, such as 'Total', '-'"
        assert said[1].startswith("1 row with the same AS number as another")


# --- how far back ----------------------------------------------------------------------------------


def test_an_account_is_looked_at_for_as_long_as_its_plan_keeps_data() -> None:
    now = MONDAY + 9 * WEEK + 1234
    with Kentik(flat(1, 1, full_retention=20, fast_retention=60), clock=Clock(now)) as fake:
        store = source(fake)
        hour = now - now % HOUR
        assert store.extent(None, 60) == Window(hour - 20 * DAY + HOUR, hour)
        assert store.extent(None, 300) == Window(hour - 60 * DAY + HOUR, hour)
        assert store.remarks() == []


@pytest.mark.parametrize(("days", "start"), [(10**30, 0), (math.inf, MONDAY + 5 * WEEK)])
def test_a_plan_that_keeps_data_for_ever_is_no_error(days: float, start: int, monkeypatch: pytest.MonkeyPatch) -> None:
    now = MONDAY + 9 * WEEK
    with Kentik(flat(1, 1), clock=Clock(now)) as fake:
        store = source(fake)
        monkeypatch.setattr(store._client, "get", lambda _path: {"plans": [{"full_retention": days}]})
        assert store.extent(None, 60) == Window(start, now)


@pytest.mark.parametrize("start", [None, MONDAY])
def test_where_plans_keep_data_for_different_times_it_is_said_from_when_on_all_is_there(
    start: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = MONDAY + 9 * WEEK
    with Kentik(flat(1, 1), clock=Clock(now)) as fake:
        store = source(fake)
        plans = [{"full_retention": days} for days in (60, 30, None, 30)]
        monkeypatch.setattr(store._client, "get", lambda _path: {"plans": plans})
        assert store.extent(start, 60) == Window(now - 60 * DAY, now)
        assert "keep such data for 30 to 60 days" in store.remarks()[0]
        assert f"--start {iso(now - 30 * DAY)} with --history 1h leaves that out" in store.remarks()[0]


def test_who_asks_for_more_than_is_kept_is_told() -> None:
    now = MONDAY + 9 * WEEK
    with Kentik(flat(1, 1, full_retention=20), clock=Clock(now)) as fake:
        store = source(fake)
        store.extent(now - 30 * DAY, 60)
        assert "keeps 20 days of such data: nothing before" in store.remarks()[0]


@pytest.mark.parametrize("hidden", ["forbidden", "without a word"])
def test_where_the_account_does_not_tell_four_weeks_are_looked_at_or_what_is_asked_for(hidden: str) -> None:
    now = MONDAY + 9 * WEEK
    with Kentik(flat(1, 1), clock=Clock(now)) as fake:
        if hidden == "forbidden":
            fake.forbidden.add("/api/v5/plans")
        store = source(fake)
        assert store.extent(None, 60) == Window(now - 4 * WEEK, now)
        assert store.extent(now - 8 * WEEK, 60) == Window(now - 8 * WEEK, now)
        assert store.extent(now - 2 * DAY, 60) == Window(now - 4 * WEEK, now)


def test_time_without_any_data_before_the_rest_is_said_to_be_older_than_what_is_kept(tmp_path: Path) -> None:
    now = MONDAY + 5 * WEEK
    account = flat(2, 35, full_retention=21)
    with Kentik(account, clock=Clock(now)) as fake:
        fake.forbidden.add("/api/v5/plans")
        store = source(fake)
        run(store, tmp_path, now, start=MONDAY)
        (said,) = store.remarks()
        assert "no customer has data from 2025-" in said
        assert "older than the account's retention; --start 2025-" in said


# --- what is kept, and what it costs ---------------------------------------------------------------


@pytest.fixture
def month() -> Account:
    """Four weeks of three customers, with something to find."""
    account = flat(3, 28, full_retention=28)
    account.series[64513][20_000:20_030] *= 9
    return account


NOW = MONDAY + 4 * WEEK + HOUR


def test_a_second_run_asks_only_for_what_is_still_open(month: Account, tmp_path: Path) -> None:
    with Kentik(month, clock=Clock(NOW)) as fake:
        first, ledger = run(source(fake), tmp_path, NOW)
        assert len(first.events) == 1
        assert ledger.queries["sent"] == len(fake.series_asked) == 10
        fake.log.clear()
        second, ledger = run(source(fake), tmp_path, NOW)
        assert second.events == first.events
        assert ledger.queries["sent"] == len(fake.series_asked) == 1
        assert window_of(fake.series_asked[0]) == Window(NOW - HOUR, NOW)


def test_another_policy_asks_for_nothing_that_was_answered(month: Account, tmp_path: Path) -> None:
    with Kentik(month, clock=Clock(NOW)) as fake:
        run(source(fake), tmp_path, NOW, end=NOW - HOUR)
        fake.log.clear()
        job = Search(tmp_path, Policy(over_percent=100, floor=0), Scope(60, NOW, end=NOW - HOUR), True, charts=0)
        found = discover(source(fake), job, None, Ledger(), lambda _done, _all: None)
        assert found.events
        assert all(window_of(one).start >= NOW - HOUR for one in fake.series_asked)


def test_a_new_customer_is_asked_for_alone(month: Account, tmp_path: Path) -> None:
    with Kentik(month, clock=Clock(NOW)) as fake:
        run(source(fake), tmp_path, NOW)
        fake.log.clear()
        fake.account.names[64400] = "A NEWCOMER,US (64400)"
        fake.account.series[64400] = wave(7, 28 * 24 * 60)
        run(source(fake), tmp_path, NOW)
        # What is recent is asked again of all; two requests are under way, so it need not be the last to arrive.
        of = Counter(tuple(one.customers) for one in fake.series_asked)
        assert of == {(64400,): 10, (64400, 64512, 64513, 64514): 1}


@pytest.mark.parametrize(
    "change",
    [
        lambda body: query_of(body).update(device_name=["edge_1"], all_devices=False),
        lambda body: query_of(body).update(metric=["in_bytes"]),
    ],
)
def test_another_question_is_not_answered_from_what_is_kept(
    month: Account, tmp_path: Path, change: Callable[[object], None]
) -> None:
    (tmp_path / "queries").mkdir()
    folder = edited(tmp_path / "queries", SERIES, change)
    with Kentik(month, clock=Clock(NOW)) as fake:
        run(source(fake), tmp_path, NOW)
        run(source(fake, folder=folder), tmp_path, NOW)
        assert len(fake.series_asked) == 20


def test_full_scan_finds_the_same_and_asks_for_no_more(month: Account, tmp_path: Path) -> None:
    with Kentik(month, clock=Clock(NOW)) as fake:
        first, _ = run(source(fake), tmp_path / "a", NOW)
        fake.log.clear()
        second, _ = run(source(fake), tmp_path / "b", NOW, full_scan=True, concurrency=4)
        assert second.events == first.events
        assert len(fake.series_asked) == 10


def test_a_dry_run_says_what_a_run_then_asks_for(month: Account, tmp_path: Path) -> None:
    with Kentik(month, clock=Clock(NOW)) as fake:
        scope = Scope(60, NOW, concurrency=4)
        said = plan(source(fake), scope, tmp_path)
        assert fake.series_asked == []
        _, ledger = run(source(fake), tmp_path, NOW)
        assert (said.requests, said.limited) == (ledger.queries["sent"], True)
        assert said.seconds == 6.0
        assert plan(source(fake), scope, tmp_path).requests == 1


def test_a_run_keeps_to_the_limits_and_is_15_times_cheaper_than_three_hours_a_call(tmp_path: Path) -> None:
    """100 customers, a week: the larger one is `python -m bench kentik`."""
    now = MONDAY + WEEK
    clock = Clock(now)
    with Kentik(flat(100, 7, full_retention=7), QUERIES, clock, latency=2.0) as fake:
        run(source(fake, clock), tmp_path, now, concurrency=4, end=now)
        assert {one.status for one in fake.log} == {200}
        # 3 groups x 3 windows, where three hours a call take 56
        assert len(fake.series_asked) == 9
        assert 3 * WEEK // (3 * HOUR) / 9 > 15
        assert clock() - now < 60


def test_failures_are_for_people(tmp_path: Path) -> None:
    with Kentik(flat(0, 1), clock=Clock(NOW)) as fake, warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(Failure, match="has no series with data"):
            run(source(fake), tmp_path, NOW)
