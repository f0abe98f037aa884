"""Names, credentials, bodies, answers and pace of the Kentik client: what needs no socket."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.commands import ROOT
from tests.golden_file import golden_json
from tests.kentik.clock import Clock
from traffic.errors import AccessDenied, Failure, UsageFailure
from traffic.model import DAY, HOUR, Grid, Window
from traffic.store.access import Entry, kentik_access
from traffic.store.base import StoreError, TooLarge, TooLong
from traffic.store.kentik.answers import Malformed, asn_of, customers_of, rows_of, series_of, without_series
from traffic.store.kentik.bodies import customers_body, fill, series_body
from traffic.store.kentik.client import retry_after
from traffic.store.kentik.pace import QUERIES, Limit, Pace, Together, duration
from traffic.store.kentik.place import find_place
from traffic.store.kentik.template import CUSTOMERS, SERIES, read_template
from traffic.store.kentik.widths import WIDTHS, asked_window

INPUT = ROOT / "input"
NIGHT = Window(1_785_542_400, 1_785_542_400 + 3 * DAY)
"""From 2026-08-01 00:00 UTC."""


# --- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "base", "shown"),
    [
        ("kentik:", "https://api.kentik.com/api/v5", "kentik:"),
        ("KENTIK:US", "https://api.kentik.com/api/v5", "kentik:us"),
        ("kentik:eu", "https://api.kentik.eu/api/v5", "kentik:eu"),
        ("kentik:http://127.0.0.1:81", "http://127.0.0.1:81/api/v5", "kentik:http://127.0.0.1:81"),
        ("kentik:http://[::1]:81/", "http://[::1]:81/api/v5", "kentik:http://[::1]:81"),
        ("kentik:https://gate.example/k/api/v5", "https://gate.example/k/api/v5", "kentik:https://gate.example/k/api/v5"),
    ],
)  # fmt: skip
def test_a_name_stands_for_an_address(name: str, base: str, shown: str) -> None:
    place = find_place(name)
    assert (place.base, place.name) == (base, shown)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("kentik:mars", "not a Kentik address: use"),
        ("kentik:ftp://127.0.0.1", "not a Kentik address: use"),
        ("kentik:http://127.0.0.1:99999", "not a Kentik address: use"),
        ("kentik:https://u:t0k3n@gate.example", "must not contain credentials:"),
        ("kentik:http://gate.example", "token unencrypted"),
    ],
)
def test_a_name_that_cannot_be_meant_is_refused_without_repeating_a_token(name: str, said: str) -> None:
    with pytest.raises(UsageFailure, match=said) as caught:
        find_place(name)
    assert "t0k3n" not in str(caught.value)


# --- credentials -----------------------------------------------------------------------------------


def profile(folder: Path, content: str, name: str = "default") -> Path:
    path = folder / ".kentik" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    return path


PROFILE = '{"email": "file@x", "api-key": "from-file"}'


@pytest.mark.parametrize(
    ("environment", "user", "token"),
    [
        ({"KENTIK_API_USER": "a@x", "KENTIK_API_PASSWORD": "t0k3n"}, "a@x", "t0k3n"),
        ({"KENTIK_API_USER": '"a@x"', "KENTIK_API_PASSWORD": "'t0k3n'"}, "a@x", "t0k3n"),
        ({"KTAPI_AUTH_EMAIL": "b@x", "KTAPI_AUTH_TOKEN": "u0k3n"}, "b@x", "u0k3n"),
        (
            {
                "KENTIK_API_USER": "a@x",
                "KENTIK_API_PASSWORD": "t0k3n",
                "KTAPI_AUTH_EMAIL": "b@x",
                "KTAPI_AUTH_TOKEN": "u0k3n",
            },
            "a@x",
            "t0k3n",
        ),
        ({}, "file@x", "from-file"),
        ({"KTAPI_PROFILE": "other"}, "other@x", "from-other"),
    ],
)
def test_credentials_come_from_the_environment_or_the_profile(
    tmp_path: Path, environment: dict[str, str], user: str, token: str
) -> None:
    profile(tmp_path, PROFILE)
    profile(tmp_path, '{"email": "other@x", "api-key": "from-other"}', "other")
    found = kentik_access(environment={"HOME": str(tmp_path), **environment})
    assert (found.user, found.password) == (user, token)
    assert token not in repr(found)


def test_options_go_before_the_environment(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-option\n")
    environment = {"KENTIK_API_USER": "a@x", "KENTIK_API_PASSWORD": "t0k3n"}
    found = kentik_access(Entry(user="c@x", password_file=tmp_path / "token"), environment)
    assert (found.user, found.password) == ("c@x", "from-option")


def test_the_configuration_file_of_the_sdk_may_lie_anywhere(tmp_path: Path) -> None:
    path = profile(tmp_path, PROFILE, "mine")
    assert kentik_access(environment={"KTAPI_CFG_FILE": str(path)}).password == "from-file"


@pytest.mark.parametrize(
    ("environment", "content", "said"),
    [
        ({}, None, "set KENTIK_API_USER and KENTIK_API_PASSWORD"),
        ({"KENTIK_API_USER": "a@x"}, None, "KENTIK_API_PASSWORD or KTAPI_AUTH_TOKEN is not set"),
        ({"KENTIK_API_PASSWORD": "s3cr3t"}, None, "KENTIK_API_USER or KTAPI_AUTH_EMAIL is not set"),
        (
            {"KENTIK_API_USER": "a@x", "KENTIK_API_PASSWORD": "s3cr3t\nX: y"},
            None,
            "contains spaces or invalid characters:",
        ),
        (
            {"KENTIK_API_USER": "a@x", "KENTIK_API_PASSWORD": "s3cr3t\u00e9"},
            None,
            "contains spaces or invalid characters:",
        ),
        ({}, "s3cr3t", "is not a profile"),
        ({}, '{"email": "a@x", "token": "s3cr3t"}', "is not a profile"),
    ],
)
def test_credentials_that_are_none_are_an_error_that_does_not_repeat_them(
    tmp_path: Path, environment: dict[str, str], content: str | None, said: str
) -> None:
    if content is not None:
        profile(tmp_path, content)
    with pytest.raises(AccessDenied, match=said) as caught:
        kentik_access(environment={"HOME": str(tmp_path), **environment})
    assert caught.value.exit_code == 5
    assert "s3cr3t" not in str(caught.value)


# --- bodies ----------------------------------------------------------------------------------------


def test_the_bodies_are_those_that_were_looked_at() -> None:
    customers, series = read_template(INPUT, CUSTOMERS), read_template(INPUT, SERIES)
    golden_json("kentik_customers.json", customers_body(customers, NIGHT))
    golden_json("kentik_customers_more.json", customers_body(customers, NIGHT, [64512, 4_200_000_000]))
    golden_json("kentik_series_1m.json", series_body(series, [64512, 64513], NIGHT, WIDTHS[60]))
    long = Window(NIGHT.start, NIGHT.start + 60 * DAY)
    golden_json("kentik_series_60m.json", series_body(series, [64512], long, WIDTHS[3600]))


def edited(folder: Path, name: str, change: Any) -> Path:
    """The queries, one of them changed."""
    for one in (CUSTOMERS, SERIES):
        body = json.loads((INPUT / one).read_text())
        if one == name:
            body = change(body) or body
        (folder / one).write_text(body if isinstance(body, str) else json.dumps(body))
    return folder


def query_of(body: Any) -> dict[str, Any]:
    found: dict[str, Any] = body["queries"][0]["query"]
    return found


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (SERIES, lambda body: query_of(body).update(starting_time={"$": "begin"}), "unknown placeholder begin; use"),
        (SERIES, lambda body: query_of(body).update(topx={"$": 5}), 'unknown placeholder {"$": 5}'),
        (SERIES, lambda body: query_of(body).update(topx={"$": "start", "and": "more"}), "unknown placeholder"),
        (CUSTOMERS, lambda body: query_of(body).update(depth={"$": "customers"}), "unknown placeholder customers"),
        (CUSTOMERS, lambda body: query_of(body).update(lookback_seconds=3600), '"lookback_seconds" must be 0,'),
        (SERIES, lambda body: query_of(body).update(metric=[]), '"metric" must name one'),
        (SERIES, lambda body: query_of(body).update(dimension=["Traffic"]), '"dimension" must be one of'),
        (SERIES, lambda body: query_of(body)["aggregates"][0].update(raw=False), '"raw": true'),
        (SERIES, lambda body: query_of(body).update(metric=5), '"metric" must name one'),
        (SERIES, lambda body: query_of(body).update(topx="40"), 'must be a whole number of at least 1, not "40"'),
        (SERIES, lambda body: query_of(body).update(depth=0), '"depth" must be a whole number of at least 1, not 0'),
        (SERIES, lambda body: body["queries"][0].pop("bucket") and None, 'needs a "bucket"'),
        (CUSTOMERS, lambda body: body["queries"][0].update(bucket=5), 'needs a "bucket"'),
        (CUSTOMERS, lambda body: query_of(body).update(filters_obj=None), '"filters_obj" must be {"connector"'),
        (CUSTOMERS, lambda body: query_of(body).update(filters=[]), '"filters" must be {"connector"'),
        (CUSTOMERS, lambda body: query_of(body)["filters_obj"].update(filterGroups=None), '"filterGroups": [...]'),
        (CUSTOMERS, lambda body: query_of(body)["filters_obj"].update(connector="Any"), 'must be "All"; put'),
        (SERIES, lambda body: query_of(body).update(filters_obj={"connector": "Any"}), 'must be "All"; put'),
        (SERIES, lambda body: query_of(body).update(filters_obj=[]), '"filters_obj" must be {"connector"'),
        (SERIES, lambda body: body["queries"].append(body["queries"][0]), "must contain one query:"),
        (SERIES, lambda _body: "[]", "must contain one query:"),
        (SERIES, lambda _body: "{'queries'", "is not valid JSON"),
        (SERIES, lambda _body: '{"queries": [{"query": {"topx": NaN}}]}', "is not valid JSON"),
        (SERIES, lambda _body: "[" * 100_000, "is not valid JSON"),
    ],
)
def test_a_query_that_cannot_be_meant_is_told_by_file_and_place(
    tmp_path: Path, name: str, change: Any, said: str
) -> None:
    folder = edited(tmp_path, name, change)
    with pytest.raises(UsageFailure) as caught:
        (read_template(folder, CUSTOMERS), read_template(folder, SERIES))
    assert said in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def plain(body: Any) -> None:
    """As the original's files are: times written out, no width, no customers, whatever data there are."""
    query = query_of(body)
    query.update(
        starting_time="2019-09-22 15:00", ending_time="2019-09-22 16:00", fastData="Auto", from_to_lookback=3600
    )
    for name in ("minsPolling", "forceMinsPolling"):
        query.pop(name, None)
    (group,) = query["filters_obj"]["filterGroups"]
    group["filters"] = [one for one in group["filters"] if one["filterField"] != "dst_as"]
    group |= {"saved_filters": [{"filter_id": 64, "is_not": True}], "filterGroups": [], "named": False}


def plain_files(folder: Path) -> Path:
    for name in (CUSTOMERS, SERIES):
        body = json.loads((INPUT / name).read_text())
        plain(body)
        (folder / name).write_text(json.dumps(body))
    return folder


def test_where_a_file_has_values_instead_of_placeholders_they_are_set_by_their_keys(tmp_path: Path) -> None:
    ours, theirs = INPUT, plain_files(tmp_path)
    customers, series = read_template(theirs, CUSTOMERS), read_template(theirs, SERIES)
    assert customers.filled == ("starting_time", "ending_time")
    assert series.filled == (
        *("starting_time", "ending_time", "minsPolling", "forceMinsPolling", "fastData"),
        "a filter on dst_as",
    )
    assert read_template(ours, CUSTOMERS).filled == read_template(ours, SERIES).filled == ()
    for width in WIDTHS.values():
        asked = query_of(series_body(series, [64512, 64513], NIGHT, width))
        expected = query_of(series_body(read_template(ours, SERIES), [64512, 64513], NIGHT, width))
        names = ("starting_time", "ending_time", "minsPolling", "forceMinsPolling", "fastData")
        assert {name: asked[name] for name in names} == {name: expected[name] for name in names}
        first, chosen = asked["filters_obj"]["filterGroups"]
        assert first["saved_filters"] == [{"filter_id": 64, "is_not": True}], "what a person chose stays"
        assert chosen["filters"] == [{"filterField": "dst_as", "operator": "=", "filterValue": "64512,64513"}]
    asked = query_of(customers_body(customers, NIGHT, [64512]))
    assert asked["starting_time"] == "2026-08-01 00:00:00"
    assert len(asked["filters_obj"]["filterGroups"]) == 2


@pytest.mark.parametrize("said", ["Full", "Fast"])
def test_what_a_file_insists_on_stays(tmp_path: Path, said: str) -> None:
    template = read_template(edited(tmp_path, SERIES, lambda body: query_of(body).update(fastData=said)), SERIES)
    assert template.filled == ()
    assert template.data == said


def test_a_query_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageFailure, match=r"tsData\.json is missing"):
        read_template(tmp_path, SERIES)


def test_a_query_may_ask_for_less_or_something_else(tmp_path: Path) -> None:
    def change(body: Any) -> None:
        query_of(body).update(topx=20, metric="packets", fastData="Full", dimension=["AS_src"])

    template = read_template(edited(tmp_path, SERIES, change), SERIES)
    assert template.most == 20
    assert (template.metric.name, template.metric.unit) == ("packets", "packet/s")
    assert template.field == "src_as"
    assert (template.width(300).data, template.width(300).reach) == ("Full", 72 * HOUR)


def test_what_looks_like_a_query_in_a_value_stays_a_value() -> None:
    """Values are whole values: nothing in them is read again."""
    template = read_template(INPUT, SERIES)
    values = {"start": '{"$": "end"}', "end": '"}, "depth": 0', "customers": "1", "minsPolling": 1}
    query = query_of(fill(template, {**values, "forceMinsPolling": True, "fastData": "Full"}))
    assert query["starting_time"] == '{"$": "end"}'
    assert (query["ending_time"], query["depth"]) == ('"}, "depth": 0', 250)


@pytest.mark.parametrize("resolution", [1, 30, 120, 720, 900, 1800])
def test_a_resolution_that_kentik_has_not_is_answered_with_those_that_it_has(resolution: int) -> None:
    with pytest.raises(UsageFailure, match="1m, 5m, 10m, 20m, 60m"):
        read_template(INPUT, SERIES).width(resolution)


@given(
    start=st.integers(0, 10**9),
    seconds=st.integers(1, 10**7),
    resolution=st.sampled_from(sorted(WIDTHS)),
)
def test_what_is_asked_for_holds_what_is_wanted_and_fits_the_kind_of_data(
    start: int, seconds: int, resolution: int
) -> None:
    width = WIDTHS[resolution]
    wanted = Window(start, start + seconds)
    asked = asked_window(wanted, width)
    assert asked.clip(wanted) == wanted
    if width.data == "Fast":
        assert asked.widen(HOUR) == asked
        assert asked.seconds >= 3 * HOUR
    else:
        assert asked == wanted


# --- answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "asn"),
    [
        ("EXAMPLE-AS Example Ltd.,AU (64500)", 64500),
        ("NORTH (T/A N.),AU (64501)", 64501),
        ("-Private Use AS-,ZZ (65000)", 65000),
        ("--- (4294902762)", 4294902762),
        ("UNKNOWN,ZZ (0)", 0),
        ("Total", None),
        ("EXAMPLE (AU)", None),
        ("EXAMPLE (64500) -", None),
        ("EXAMPLE (4294967296)", None),
        ("", None),
    ],
)
def test_the_as_number_is_what_stands_in_the_last_brackets(key: str, asn: int | None) -> None:
    assert asn_of(key) == asn


def test_customers_are_told_by_number_and_what_cannot_be_is_reported() -> None:
    rows = [{"key": key} for key in ("A,US (1)", "Total", "B,US (2)", "A NEW NAME,US (1)", "A,US (1)")]
    found = customers_of(rows)
    assert found.keys == {1: "A,US (1)", 2: "B,US (2)"}
    assert (found.nameless, found.doubled) == (("Total",), ("A NEW NAME,US (1)",))


def row(asn: int, *flow: list[float | None], name: str = "both_bits_per_sec") -> dict[str, Any]:
    return {"key": f"X,US ({asn})", "timeSeries": {name: {"flow": list(flow)}}}


GRID = Grid(NIGHT.start, 60, 5)


def at(second: float, value: float | None, width: float = 60) -> list[float | None]:
    return [(NIGHT.start + second) * 1000, value, width]


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        ([at(0, 1), at(60, 2), at(240, 5)], [1, 2, math.nan, math.nan, 5]),
        # the last point of the documented example begins on an odd second
        ([at(0, 1), at(97, 2)], [1, 2, math.nan, math.nan, math.nan]),
        ([at(240, 5), at(0, 1)], [1, math.nan, math.nan, math.nan, 5]),
        ([at(60, None), at(120, 0)], [math.nan, math.nan, 0, math.nan, math.nan]),
        ([at(-60, 9), at(300, 9), at(180, 4)], [math.nan, math.nan, math.nan, 4, math.nan]),
        # finer than asked: the mean by width
        ([at(0, 1, 20), at(20, 4, 40)], [3, math.nan, math.nan, math.nan, math.nan]),
        ([], [math.nan] * 5),
    ],
)
def test_a_point_goes_to_its_bucket_by_its_time(flow: list[list[float | None]], expected: list[float]) -> None:
    values, came = series_of([row(7, *flow)], [7], GRID)
    np.testing.assert_array_equal(values[0], expected)
    assert came == {7}


def test_a_customer_that_was_renamed_meanwhile_is_one() -> None:
    values, _ = series_of([row(7, at(0, 1), at(60, 2)), row(7, at(60, 3))], [7], GRID)
    np.testing.assert_array_equal(values[0], [1, 5, math.nan, math.nan, math.nan])


def test_rows_without_a_number_and_bare_ones_are_no_series() -> None:
    other = {**row(8, at(0, 1)), "key": "Others"}
    rows = [row(7, at(0, 1)), other, {"key": "X,US (9)"}, {"key": "X,US (10)", "timeSeries": {}}]
    values, came = series_of(rows, [7, 9, 10, 11], GRID)
    assert came == {7}
    assert np.isnan(values[1:]).all()
    assert without_series(rows, [7, 9, 10, 11]) == [9, 10]


def test_what_nobody_asked_about_is_no_answer() -> None:
    with pytest.raises(Malformed, match=r"answer contains 'X,US \(8\)', which was not requested"):
        series_of([row(7, at(0, 1)), row(8, at(0, 1))], [7], GRID)
    for seconds in (-2 * DAY, GRID.window.seconds + 2 * DAY, 1e300):
        with pytest.raises(Malformed, match="other times"):
            series_of([row(7, at(seconds, 1))], [7], GRID)
    with pytest.raises(Malformed, match="more than any network carries"):
        series_of([row(7, at(0, 1e19))], [7], GRID)


def test_a_point_that_is_wider_than_a_bucket_asks_for_less_time() -> None:
    with pytest.raises(TooLong, match="300 s wide, not 60"):
        series_of([row(7, at(0, 1), at(60, 1, 300))], [7], GRID)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({}, "no list of results"),
        ({"results": "no"}, "no list of results"),
        ({"results": [1]}, "no list of results"),
        ({"results": [{"bucket": "b", "data": {"key": "x"}}]}, "rows have no keys"),
        ({"results": [{"bucket": "b", "data": [{"name": "x"}]}]}, "rows have no keys"),
        ({"results": [{"bucket": "b", "data": [{"key": 7}]}]}, "rows have no keys"),
        ({"results": [{"bucket": "c", "data": []}]}, "its bucket is 'c', not 'b'"),
    ],
)
def test_an_answer_that_is_not_kentiks_is_told(answer: dict[str, Any], said: str) -> None:
    with pytest.raises(Malformed, match=said):
        rows_of(answer, "b")


def test_a_bucket_that_is_missing_is_empty_and_another_is_not_ours() -> None:
    other = {"bucket": "another", "data": [row(1)]}
    assert rows_of({"results": []}, "b") == []
    assert rows_of({"results": [other, {"bucket": "b", "data": [row(2)]}]}, "b") == [row(2)]
    assert rows_of({"results": [{"bucket": "b", "data": None}]}, "b") == []


@pytest.mark.parametrize(
    ("series", "said"),
    [
        ([1], "is not valid"),
        ({"b": {}}, "no points"),
        ({"b": {"flow": [[1, 2]]}}, "no points"),
        ({"b": {"flow": [[1, 2, 3], [1, 2]]}}, "no points"),
        ({"b": {"flow": {"a": 1}}}, "no points"),
        ({"b": {"flow": [["x", 2, 60]]}}, "no points"),
        ({"b": {"flow": [[None, 2, 60]]}}, "no time"),
        ({"b": {"flow": [[1, 2, 0]]}}, "no width"),
        ({"b": {"flow": [[1, 2, None]]}}, "no width"),
        ({"b": {"flow": [[1, 1e999, 60]]}}, "infinite"),
        ({"b": {"flow": [[NIGHT.start * 1000, -1, 60]]}}, "is below 0"),
        ({"both_bits_per_sec": {"flow": []}, "both_pkts_per_sec": {"flow": []}}, 'only one of "aggregates" be "raw"'),
    ],
)
def test_a_series_that_is_none_is_told_with_its_key(series: Any, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        series_of([{"key": "X,US (7)", "timeSeries": series}], [7], GRID)


def test_series_of_two_kinds_are_not_mixed() -> None:
    with pytest.raises(Malformed, match="both_bits_per_sec and in_bits_per_sec"):
        series_of([row(7, at(0, 1)), row(8, at(0, 1), name="in_bits_per_sec")], [7, 8], GRID)


@pytest.mark.parametrize(
    ("name", "unit", "told"),
    [
        ("both_bits_per_sec", "packet/s", "bit/s"),
        ("both_pkts_per_sec", "bit/s", "packet/s"),
        ("in_packets", "bit/s", "packet/s"),
        ("f_sum_both_bytes", "bit/s", "byte/s"),
        ("fps", "bit/s", "flow/s"),
        ("out_bits_per_sec", "bit/s", None),
        ("both_pkts_per_sec", "packet/s", None),
        ("f_avg_latency", "bit/s", None),
        ("both_bits_per_sec", "", None),
    ],
)
def test_series_are_in_the_unit_of_the_metric(name: str, unit: str, told: str | None) -> None:
    rows = [row(7, at(0, 1), name=name)]
    if told is None:
        assert series_of(rows, [7], GRID, unit)[1] == {7}
    else:
        with pytest.raises(Malformed, match=f"are {told}, not {unit}: let"):
            series_of(rows, [7], GRID, unit)


@given(
    st.lists(
        st.tuples(st.integers(-400, 700), st.none() | st.integers(0, 10**12), st.sampled_from((1, 7, 60, 300))),
        max_size=40,
    )
)
def test_buckets_are_what_a_slow_twin_says(points: list[tuple[int, int | None, int]]) -> None:
    grid = Grid(NIGHT.start, 300, 2)
    held: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for second, value, width in points:
        if value is not None:
            held[second // 300].append((value, width))
    expected = [
        sum(value * width for value, width in held[place]) / sum(width for _, width in held[place])
        if held[place]
        else math.nan
        for place in range(2)
    ]
    values, _ = series_of([row(7, *(at(*point) for point in points))], [7], grid)
    np.testing.assert_allclose(values[0], expected, rtol=1e-12)


# --- pace ------------------------------------------------------------------------------------------


@given(
    gaps=st.lists(st.floats(0, 30), max_size=200),
    limits=st.lists(st.tuples(st.integers(1, 20), st.sampled_from((1.0, 10.0, 60.0))), min_size=1, max_size=2),
)
def test_no_window_ever_holds_more_requests_than_its_limit(gaps: list[float], limits: list[tuple[int, float]]) -> None:
    clock = Clock(1000.0)
    pace = Pace([Limit(count, seconds) for count, seconds in limits], 1, clock, clock.sleep)
    sent = []
    for gap in gaps:
        clock.sleep(gap)
        with pace.turn():
            sent.append(clock())
    for count, seconds in limits:
        for first, later in zip(sent, sent[count:], strict=False):
            assert later - first >= seconds * (1 - 1e-9)


@pytest.mark.parametrize(
    ("requests", "expected"),
    [(0, 0), (1, 2), (4, 2), (5, 4), (30, 16), (31, 63), (61, 124)],
)
def test_how_long_a_run_takes_follows_from_the_limits(requests: int, expected: float) -> None:
    assert duration(requests, 2.0, 4, QUERIES) == expected


def test_an_hour_lets_no_more_than_its_limit_through() -> None:
    assert duration(1500, 0.0) < 3605 < duration(1801, 0.0)
    assert duration(1501, 0.0) >= duration(1500, 0.0)


def test_a_busy_hour_holds_no_more_than_the_published_limits() -> None:
    clock = Clock(0.0)
    pace, sent = Pace(clock=clock, sleep=clock.sleep), []
    for _ in range(1_600):
        with pace.turn():
            sent.append(clock())
    for count, seconds in ((30, 60), (1_500, 3_600)):
        assert all(later - first >= seconds for first, later in zip(sent, sent[count:], strict=False))
    assert 3_600 < sent[-1] < 4_000


def test_a_failure_ends_the_waits_of_its_time_and_none_of_those_after_it() -> None:
    together = Together()
    with pytest.raises(StoreError, match="first"), together.one():
        raise StoreError("first")
    with together.one():
        together.sleep(0)
    with together.one():
        with pytest.raises(StoreError, match="second"), together.one():
            raise StoreError("second")
        with pytest.raises(StoreError, match="second"), together.one():
            together.sleep(0)
        with pytest.raises(StoreError, match="second"):
            together.sleep(0)
    with together.one():
        together.sleep(0)


def test_a_request_that_was_too_large_is_the_failure_of_nobody_else() -> None:
    together = Together()
    with together.one():
        with pytest.raises(TooLarge), together.one():
            raise TooLarge("half of it")
        together.sleep(0)


def test_the_widths_are_those_of_the_page_that_names_their_sources() -> None:
    rows = re.findall(
        r"^\| `(\d+)m` \| (\d+) days \| (?:`minsPolling` (\d+), forced|the default width .*) \| (\w+) \|$",
        (ROOT / "docs" / "kentik.md").read_text(),
        re.MULTILINE,
    )
    told = {60 * int(minutes): (int(days) * DAY, int(asked or 0), data) for minutes, days, asked, data in rows}
    assert told == {
        step: (width.reach, width.minutes if width.forced else 0, width.data) for step, width in WIDTHS.items()
    }


def test_whoever_is_asked_to_wait_holds_all_others() -> None:
    clock = Clock(0.0)
    pace = Pace(QUERIES, 4, clock, clock.sleep)
    pace.hold(17)
    with pace.turn():
        assert clock() == 17


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("Sat, 01 Aug 2026 00:01:00 GMT", 60.0),
        ("Sat, 01 Aug 2026 00:01:00", 60.0),
        ("Fri, 31 Jul 2026 00:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(text: str, expected: float | None) -> None:
    assert retry_after(text, NIGHT.start) == expected


def test_failures_of_the_client_are_failures_for_people() -> None:
    assert issubclass(Malformed, Failure)
