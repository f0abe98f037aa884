"""Every command reads a store the same way: as much of it as `discover` sees, with no more requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from analyzer.checkup import examine
from analyzer.model import Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.plan import plan
from analyzer.reading.scope import Scope, select
from analyzer.transfer import copy, origin, pieces
from tests.kentik.account import Account
from tests.kentik.clock import Clock
from tests.kentik.opened import ACCESS, MONDAY, flat, source
from tests.kentik.server import Kentik
from traffic.model import BITS, DAY, Grid, Query
from traffic.store import Columns, open_sink, open_source

NOW = MONDAY + 70 * DAY + 25 * 60


def quiet(_done: int, _all: int) -> None:
    """Nobody looks."""


@dataclass(frozen=True)
class Case:
    """An account, and what of it is asked for."""

    account: Callable[[], Account]
    resolution: int
    days: int | None
    """Days before now from which on it is looked at; None: all there is."""
    plans: bool = True
    """Whether the account tells for how long it keeps what."""
    expected: int = 0
    """Buckets there are."""

    @property
    def scope(self) -> Scope:
        start = None if self.days is None else NOW - self.days * DAY
        return Scope(self.resolution, NOW, start=start)


def keeps(customers: int, **days: int) -> Callable[[], Account]:
    return lambda: flat(customers, 70, full_retention=days.get("full"), fast_retention=days.get("fast"))


# A plan keeps full data for so many days, and fast data for so many: what is younger than that by a whole hour.
CASES = {
    "30 days by the hour": Case(keeps(5, full=7, fast=60), 3600, 30, expected=5 * 30 * 24),
    "all, by the hour": Case(keeps(5, full=7, fast=60), 3600, None, expected=5 * (60 * 24 - 1)),
    "all, by the minute": Case(keeps(5, full=7, fast=60), 60, None, expected=5 * (7 * 24 - 1) * 60),
    "no plan told, 50 days": Case(keeps(70), 3600, 50, plans=False, expected=70 * 50 * 24),
    "no plan told, nothing said": Case(keeps(70), 3600, None, plans=False, expected=70 * 28 * 24),
    "100 customers, 28 days": Case(keeps(100, full=28, fast=28), 3600, None, expected=100 * (28 * 24 - 1)),
    "45 customers by 5 minutes": Case(keeps(45, full=28, fast=28), 300, 16, expected=45 * (16 * 288 - 5)),
    "from the middle of an hour": Case(keeps(3, full=28, fast=28), 60, 4, expected=3 * (4 * 1440 - 25)),
}


def served(case: Case) -> Kentik:
    fake = Kentik(case.account(), clock=Clock(NOW))
    if not case.plans:
        fake.forbidden.add("/api/v5/plans")
    return fake


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_an_export_and_a_copy_have_every_bucket_and_ask_no_more_than_discover(case: Case, tmp_path: Path) -> None:
    with served(case) as fake:

        def asked() -> tuple[int, int]:
            """Requests for series, and all of them; from here on they are counted anew."""
            counts = len(fake.series_asked), len(fake.log)
            fake.log.clear()
            return counts

        ledger = Ledger()
        found = discover(source(fake), Search(tmp_path, Policy(), case.scope, charts=0), None, ledger, quiet)
        series, requests = asked()
        assert series == ledger.queries["sent"] == plan(source(fake), case.scope, tmp_path / "new").requests
        fake.log.clear()

        what = select(source(fake), case.scope)
        grid = Grid.over(what.window, case.resolution)
        exported = np.full((len(what.spans), grid.count), np.nan)
        rows = {key: row for row, key in enumerate(what.spans)}
        for matrix in pieces(what, quiet):
            exported[[rows[key] for key in matrix.keys], grid.slice(matrix.grid.window)] = matrix.values
        most = asked()
        assert most[0] <= series
        assert most[1] <= requests
        assert tuple(rows) == found.keys
        assert int((~np.isnan(exported)).sum()) == case.expected

        what = select(source(fake), case.scope)
        target = str(tmp_path / "copy")
        sink = open_sink(target, BITS.field, case.resolution, origin(what), len(what.spans), replace=False)
        done = copy(what, sink, quiet)
        assert asked() == most
    assert done.points == done.new == case.expected
    copied = open_source(target)
    values = copied.series(Query(copied.metric, tuple(rows), what.window, case.resolution)).values
    # A store of ours holds whole bytes.
    np.testing.assert_allclose(values, exported, atol=8 / case.resolution)


@pytest.mark.parametrize(
    ("name", "extent"),
    [
        ("all, by the hour", "(59 d 23 h); in buckets of 1 min from 2025-10-06T01:00:00Z on"),
        ("no plan told, nothing said", "2025-09-15T00:00:00Z to 2025-10-13T00:00:00Z (28 d)"),
        ("from the middle of an hour", "2025-09-15T01:00:00Z to 2025-10-13T00:00:00Z (27 d 23 h)"),
    ],
)
def test_doctor_tells_the_full_reach_of_an_account_with_two_queries(
    name: str, extent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(CASES[name]) as fake:
        monkeypatch.setattr("analyzer.checkup.open_source", lambda *_: source(fake))
        found, code = examine(fake.store, Columns(), ACCESS, tmp_path)
        # The list of customers, and what they did lately: no search asks for less.
        assert len([one for one in fake.log if one.body]) == 2
    said = {line.name: line.text for line in found}
    assert code == 0, found
    assert f"{len(fake.account.names)}: CUSTOMER-000" in said["series"]
    assert said["extent"].endswith(extent)
    assert said["gaps"].startswith("0.0% of the last 72 hours' buckets of 1 min")
