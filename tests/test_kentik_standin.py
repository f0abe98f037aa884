"""The stand-in for Kentik itself: what it refuses, how fine it answers, and from which data."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.kentik.account import Account, BadQuery
from tests.kentik.opened import MONDAY, flat
from traffic.model import DAY, HOUR
from traffic.store.kentik.bodies import time_text

NOW = MONDAY + 40 * DAY


@pytest.fixture(scope="module")
def account() -> Account:
    return flat(3, 40, topx=2)


def asked(hours: float, **more: Any) -> dict[str, Any]:
    query = {
        "metric": ["bytes"],
        "dimension": ["AS_dst"],
        "lookback_seconds": 0,
        "starting_time": time_text(MONDAY + 1800),
        "ending_time": time_text(int(MONDAY + 1800 + hours * HOUR)),
        "topx": 40,
        "depth": 250,
        "aggregates": [{"name": "max_bits_per_sec", "fn": "max", "raw": True}],
        **more,
    }
    return {"queries": [{"bucket": "b", "query": {name: value for name, value in query.items() if value is not None}}]}


def rows(account: Account, body: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = account.answer(body, NOW)["results"][0]["data"]
    return found


def flow(account: Account, body: Any) -> np.ndarray:
    return np.array(rows(account, body)[0]["timeSeries"]["both_bits_per_sec"]["flow"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "queries is required"),
        ({"queries": []}, "queries is required"),
        (asked(1, metric=None), "metric is required"),
        (asked(1, dimension=[]), "dimension is required"),
        (asked(1, dimension="planet"), "unknown dimension"),
        (asked(1, starting_time="yesterday"), "starting_time is not of the form"),
        (asked(1, starting_time="2026-08-04 00:00:30"), "starting_time is not of the form"),
        (asked(0), "ending_time has to be after"),
        (asked(1, aggregates=[{"name": "a"}, {"name": "b"}]), "outsort is required"),
        (asked(1, minsPolling=7, forceMinsPolling=True), "minsPolling has to be one of"),
        (asked(1, fastData="Slow"), "fastData has to be"),
        (asked(1, filters_obj={"filters": [{"filterField": "dst_as", "filterValue": 7}]}), "has to be a text"),
        (asked(1, filters_obj={"filters": [{"filterField": "x", "filterValue": "7"}]}), "unknown filterField"),
    ],
)
def test_what_kentik_would_not_understand_is_refused(account: Account, body: Any, said: str) -> None:
    with pytest.raises(BadQuery, match=said):
        account.answer(body, NOW)


@pytest.mark.parametrize(
    ("hours", "more", "width", "fast"),
    [
        (2, {}, 60, False),
        (3, {}, 300, False),
        (23, {}, 300, False),
        (24, {}, 300, True),
        (72, {}, 600, True),
        (73, {}, 3600, True),
        (24, {"fastData": "Full"}, 300, False),
        (73, {"fastData": "Full"}, 3600, True),
        (2, {"fastData": "Fast"}, 60, False),
        (3, {"fastData": "Fast"}, 300, True),
        (72, {"fastData": "Full", "minsPolling": 1, "forceMinsPolling": True}, 60, False),
        (73, {"minsPolling": 1, "forceMinsPolling": True}, 3600, True),
        (72, {"minsPolling": 1, "forceMinsPolling": False}, 600, True),
        (335, {"minsPolling": 5, "forceMinsPolling": True}, 300, True),
        (337, {"minsPolling": 5, "forceMinsPolling": True}, 3600, True),
    ],
)
def test_width_and_kind_of_data_follow_from_the_window(
    account: Account, hours: int, more: dict[str, Any], width: int, fast: bool
) -> None:
    points = flow(account, asked(hours, **more))
    assert set(points[:, 2]) == {width}
    # fast data come by whole hours, and are 3 % less
    start = MONDAY if fast else MONDAY + 1800
    assert points[0, 0] == (start - start % width) * 1000
    minutes = account.series[64514][int(points[0, 0] // 1000 - MONDAY) // 60 :][: width // 60]
    assert points[0, 1] == pytest.approx(minutes.mean() * (0.97 if fast else 1.0))


def test_a_look_back_overrides_the_times_and_is_an_hour_if_nothing_is_said(account: Account) -> None:
    for body, seconds in ((asked(9, lookback_seconds=7200), 7200), (asked(9, lookback_seconds=None), 3600)):
        assert flow(account, body)[0, 0] == (NOW - seconds) * 1000


def test_rows_behind_the_first_have_no_series_and_without_raw_none_has(account: Account) -> None:
    found = rows(account, asked(1))
    assert [bool(row.get("timeSeries")) for row in found] == [True, True, False]
    assert "timeSeries" not in found[2]
    bare = rows(account, asked(1, aggregates=[{"name": "max_bits_per_sec"}]))
    assert bare[0]["timeSeries"] == {}


def test_several_queries_are_answered_by_their_buckets_and_one_without_data_by_none(account: Account) -> None:
    nobody = {"connector": "All", "filters": [{"filterField": "dst_as", "filterValue": "1"}]}
    some = {"connector": "Any", "filters": [{"filterField": "dst_as", "filterValue": "64512,64513"}]}
    others = {"connector": "All", "not": True, "filters": some["filters"]}
    queries = []
    for name, filters in (("nobody", nobody), ("some", some), ("others", others)):
        (query,) = asked(1, filters_obj={"connector": "All", "filterGroups": [filters]})["queries"]
        queries.append({**query, "bucket": name})
    results = account.answer({"queries": queries}, NOW)["results"]
    assert [(result["bucket"], len(result["data"])) for result in results] == [("some", 2), ("others", 1)]


def test_the_last_point_lies_off_the_grid_and_all_of_it_is_json(account: Account) -> None:
    points = flow(account, asked(1))
    assert points[-1, 0] % 60_000 == 37_000
    assert set(points[:-1, 0] % 60_000) == {0}
    json.dumps(account.answer(asked(1), NOW))


def test_what_is_older_than_the_plan_keeps_is_not_there() -> None:
    account = flat(1, 40, full_retention=30, fast_retention=30)
    assert account.answer(asked(200), MONDAY + 60 * DAY) == {"results": []}
    edges = {"starting_time": time_text(NOW - 31 * DAY), "ending_time": time_text(NOW - 29 * DAY)}
    for data in ("Full", "Fast"):
        assert flow(account, asked(1, fastData=data, **edges))[0, 0] == (NOW - 30 * DAY) * 1000
