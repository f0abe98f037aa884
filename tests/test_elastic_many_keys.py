"""Many keys with few documents each, as addresses in flows have: requests by what there is, and the largest alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analyzer.model import Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.scope import Scope
from tests.elasticsearch.server import Server
from tests.test_elastic_as_it_is import END, FLOWS, SPIKE, Documents, documents, events, put, run
from traffic.coverage import OTHER_KEYS
from traffic.errors import UsageFailure
from traffic.model import WEEK
from traffic.store import open_source

MANY = 1_500


def addresses() -> Documents:
    """Three documents of each of many addresses, and the three customers, of which one has the event."""
    found = documents(END - 3 * WEEK)
    for number in range(MANY):
        for place in range(3):
            time = END - 3 * WEEK + (number * 7919 + place * 500_000) % (3 * WEEK)
            found.append({"@timestamp": time * 1000, "customer": f"10.0.{number // 250}.{number % 250}", "bytes": 40})
    return found


def test_requests_are_cut_by_the_documents_that_exist(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path
) -> None:
    there = addresses()
    put(elasticsearch, elasticsearch_index, there)
    store = f"{elasticsearch.url}/{elasticsearch_index}"
    # By the minutes that could be it would be 64 keys x 30,240 minutes a block: 30 requests for each.
    ledger = Ledger()
    search = Search(tmp_path, Policy(), Scope(resolution=60, now=END + WEEK))
    found = discover(open_source(store, FLOWS), search, None, ledger, lambda _done, _total: None)
    assert found.coverage.read == len(there)
    assert found.coverage.whole
    assert len(found.keys) == MANY + 3
    assert ledger.queries["sent"] <= 5 * MANY / 64


@pytest.mark.parametrize("statistic", ["sum", "count"])
def test_the_largest_alone_are_looked_at_and_the_coverage_shows_what_is_left_out(
    elasticsearch: Server, elasticsearch_index: str, tmp_path: Path, statistic: Any
) -> None:
    put(elasticsearch, elasticsearch_index, addresses())
    store = f"{elasticsearch.url}/{elasticsearch_index}"
    for _ in range(2):
        found = run(store, tmp_path, FLOWS, scope={"top": 3})
        assert found.keys == ("1", "2", "3")
        assert events(found) == [("3", SPIKE)]
        assert found.coverage.reasons == {OTHER_KEYS: 3 * MANY}
        assert found.coverage.read == found.coverage.used == 3 * 3 * 7 * 24
    some = run(store, tmp_path, replace(FLOWS, statistic=statistic), scope={"top": 1, "exclude": ("3",)})
    assert some.keys == (("2",) if statistic == "sum" else some.keys)
    assert len(some.keys) == 1


def test_a_store_that_does_not_tell_the_largest_says_so(tmp_path: Path) -> None:
    (tmp_path / "flows.csv").write_text("time,key,bytes\n2026-01-01,a,1\n2026-01-02,b,2\n")
    with pytest.raises(UsageFailure, match="cannot tell which series are the largest"):
        run(str(tmp_path / "flows.csv"), tmp_path, replace(FLOWS, key="key", time="time"), scope={"top": 1})
