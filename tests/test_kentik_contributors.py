"""By what events in a Kentik account came: asked for with --by, counted before, kept, and the same as of the folder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest

from analyzer.causes import event_requests
from analyzer.contributors import contributors
from analyzer.model import Contributor, Findings, Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.scope import Scope
from tests.commands import refused, sl, well
from tests.findings_maker import make_event
from tests.kentik.account import Account, Flows, account_of, customers_named, flows_of, scenario_text
from tests.kentik.clock import Clock
from tests.kentik.opened import MONDAY, flat, source
from tests.kentik.server import TOKEN, USER, Fault, Kentik
from traffic.errors import UsageFailure
from traffic.flows import FlowQuery, beyond_the_first
from traffic.model import DAY, HOUR, WEEK, Window
from traffic.store import open_source
from traffic.store.base import Source, StoreError
from traffic.store.kentik.breakdown import IN_A_CALL, calls
from traffic.times import instant, iso

START, END = instant("2025-06-02T00:00Z", 0), instant("2025-06-30T00:00Z", 0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a scenario with flow records."""
    folder = tmp_path_factory.mktemp("flows")
    text = scenario_text(customers_named(4), dimensions="{enabled: true}", events="{per_week: 1}")
    (folder / "scenario.yaml").write_text(text + "window: {weeks: 4, start: 2025-06-02, end: null}\n")
    well(sl("generate", "--scenario", folder / "scenario.yaml", "--store", folder / "s", "--output", folder, "-q"))
    return folder / "s"


@pytest.fixture(scope="module")
def account(made: Path) -> Account:
    return replace(account_of(str(made)), flows=flows_of(made), full_retention=28, fast_retention=28)


@pytest.fixture
def fake(account: Account) -> Iterator[Kentik]:
    with Kentik(account, clock=Clock(END)) as running:
        yield running


def found(store: Source, output: Path, *by: str, end: int = END) -> Findings:
    """A whole run, on the clock of the stand-in: as fast as its limits allow would be minutes."""
    scope = Scope(60, end, start=START, end=end, history=35 * DAY)
    return discover(store, Search(output, Policy(), scope, by=by), None, Ledger(), lambda _done, _all: None)


def rounded(rows: Sequence[Contributor]) -> list[tuple[object, ...]]:
    """As they are written."""
    return [tuple(float(f"{x:.10g}") if isinstance(x, float) else x for x in astuple(row)) for row in rows]


def test_they_are_those_of_the_same_scenario_in_a_folder_and_are_not_asked_for_twice(
    fake: Kentik, made: Path, tmp_path: Path
) -> None:
    store = source(fake)
    known = found(store, tmp_path, "dst_port", "protocol")
    ours = found(open_source(str(made)), tmp_path / "own", "dst_port", "protocol")
    assert known.events == ours.events
    assert len(known.events) > 3
    assert {row.dimension for row in known.contributors} >= {"dst_port", "protocol"}
    assert rounded(known.contributors) == rounded(ours.contributors)
    assert known.incidents == ours.incidents
    several = [asked for asked in fake.log if asked.body and len(asked.body["queries"]) > 1]
    assert len(several) <= event_requests(store, ("dst_port", "protocol")) * len(known.events)
    asked = len(fake.log)
    assert found(source(fake), tmp_path, "dst_port", "protocol").contributors == known.contributors
    again = [one for one in fake.log[asked:] if one.body and len(one.body["queries"]) > 1]
    assert not again, "what was answered is kept"
    fake.finish(END + DAY)
    asked = len(fake.log)
    tomorrow = found(source(fake), tmp_path, "dst_port", "protocol", end=END + DAY)
    again = [one for one in fake.log[asked:] if one.body and len(one.body["queries"]) > 1]
    assert {event.id for event in tomorrow.events} & {event.id for event in known.events}
    assert len(again) < len(several) / 2, "and tomorrow, but for events that another week can then be compared with"


def test_values_without_a_series_are_one_more_and_none_is_then_called_new(
    made: Path, account: Account, tmp_path: Path
) -> None:
    with Kentik(replace(account, topx=2), clock=Clock(END)) as fake:
        rows = found(source(fake), tmp_path, "dst_port").contributors
    cut = {row.event_id for row in rows if row.value == beyond_the_first(40) and row.usual}
    assert cut
    assert not any(row.new for row in rows if row.event_id in cut), "it may have been there, among the others"
    for event in {row.event_id for row in rows}:
        assert math.fsum(row.share for row in rows if row.event_id == event) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("by", "words"),
    [("dst_prt", "cannot break traffic down by 'dst_prt': use dst_port"), ("Total", "by 'Total'")],
)
def test_a_dimension_that_the_api_does_not_have_is_refused_before_anything_is_sent(
    by: str, words: str, account: Account, tmp_path: Path
) -> None:
    span = ("--start", iso(START), "--end", iso(END), "--history", "1d")
    with Kentik(replace(account, full_retention=None, fast_retention=None)) as fake:
        run = ("discover", "--store", fake.store, "--output", tmp_path, *span, "-q")
        assert words in refused(sl(*run, "--by", by, KENTIK_API_USER=USER, KENTIK_API_PASSWORD=TOKEN), 2)
        assert not [asked for asked in fake.log if asked.body]
        more = ("--by", "dst_port,protocol", "--dry-run")
        told = well(sl(*run, *more, KENTIK_API_USER=USER, KENTIK_API_PASSWORD=TOKEN)).out
    assert "contributors of events: at most 14 for one, 1,400 for 100 events" in " ".join(told.split())


def two_ports(days: int, step: int = 60) -> Account:
    """A customer with two ports, one of which does ten times as much in one hour of the last week."""
    account = flat(1, days)
    (asn,) = account.series
    minutes = MONDAY // 60 + np.arange(days * 1440)
    at = (MONDAY + 3 * WEEK + 50 * HOUR) // 60
    attacked = (minutes >= at) & (minutes < at + 60)
    bits = [np.full(len(minutes), 5e6), np.where(attacked, 1e7, 1e6)]
    order = np.argsort(np.tile(minutes, 2), kind="stable")
    names = np.repeat(["443", "53"], len(minutes))[order]
    flows = Flows(np.tile(minutes, 2)[order], np.concatenate(bits)[order], {"Port_dst": names, "c_site": names})
    return replace(account, series={asn: bits[0] + bits[1]}, flows={asn: flows})


@pytest.mark.parametrize("step", [60, 300, 3600])
@pytest.mark.parametrize("coarsest", [None, "longer than a day"])
def test_they_add_up_at_every_width_in_windows_that_are_cut_or_by_whole_hours(step: int, coarsest: str | None) -> None:
    account = two_ports(28)
    if coarsest:
        account = replace(account, forced=dict.fromkeys(account.forced, DAY))
    with Kentik(account) as fake:
        store = source(fake)
        (key,) = store.keys(Window(MONDAY, MONDAY + 4 * WEEK))
        start = MONDAY + 3 * WEEK + 50 * HOUR
        event = make_event(key, start, 60)
        extent = Window(MONDAY, MONDAY + 4 * WEEK)
        (rows,) = contributors(store, [event], extent, ("dst_port", "c_site"), Policy(), step, step)
        share = 1.0 if step == 60 else account.fast
        port = {row.value: row for row in rows if row.dimension == "dst_port"}
        assert port["53"].actual == pytest.approx(3600 * 1e7 * share * step, rel=1e-12)
        assert port["53"].usual == pytest.approx(3600 * 1e6 * share * step, rel=1e-12)
        assert port["53"].share == pytest.approx(1, abs=1e-9)
        for name in ("dst_port", "c_site"):
            assert math.fsum(row.share for row in rows if row.dimension == name) == pytest.approx(1, abs=1e-9)
        long = Window(MONDAY, MONDAY + 8 * DAY)
        (answer,) = store.flows([FlowQuery(key, (long,), ("dst_port",), resolution=step)])
        assert answer.totals[0] == pytest.approx(long.seconds * 6e6 * share, rel=1e-12)
        sizes = [len(asked.body["queries"]) for asked in fake.log if asked.body]
        assert max(sizes) == IN_A_CALL


def test_what_is_no_answer_is_an_error_and_what_does_not_add_up_has_no_parts(tmp_path: Path) -> None:
    with Kentik(two_ports(28)) as fake:
        store = source(fake)
        (key,) = store.keys(Window(MONDAY, MONDAY + WEEK))
        query = FlowQuery(key, (Window(MONDAY, MONDAY + HOUR),), ("dst_port",))
        fake.fail(Fault(body=b'{"results": [{"bucket": "other", "data": []}]}'))
        with pytest.raises(StoreError, match="sent an unreadable answer"):
            list(store.flows([query]))
        (empty,) = store.flows([replace(query, key="nobody")])
        assert (empty.values, empty.totals.tolist(), empty.there.tolist()) == ((), [0.0], [False])
        begun = tuple(Window(MONDAY + start, MONDAY + start + HOUR) for start in (0, -2700, -1200))
        (partly,) = store.flows([replace(query, windows=begun)])
        assert partly.there.tolist() == [True, False, True], "of the second window only a quarter is known"
        assert event_requests(store, None) == 0
        assert event_requests(store, ("Port_dst",)) == calls(1, 8) == 7
        store.metric = replace(store.metric, statistic="avg")
        with pytest.raises(UsageFailure, match="only bytes have parts"):
            store.dimensions(("dst_port",))
