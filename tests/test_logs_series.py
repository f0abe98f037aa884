"""The two plain series: a steady one with a rise, and requests to a web site."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.logs.run import Feed
from generator.logs.smoke import EVERY, FACTOR, LASTS, SmokeFeed
from generator.logs.web import WebFeed
from traffic.errors import UsageFailure

START, DAYS = 1_788_134_400, 7
END = START + DAYS * 86400


def documents(feed: Feed, portion: int = 8192) -> list[dict[str, Any]]:
    found = []
    while not feed.ended:
        found += [json.loads(text) for text in feed.take(portion).texts]
    return found


def seconds(document: dict[str, Any]) -> int:
    text = document["timestamp"]
    # The web site's times name no zone; they are UTC.
    return round(datetime.fromisoformat(text if text.endswith("Z") else f"{text}Z").timestamp())


# --- steady, with a rise ----------------------------------------------------------------------------


def test_there_is_a_document_every_5_seconds_for_7_days_and_ten_while_it_is_risen() -> None:
    feed = SmokeFeed(3, START, END)
    found = Counter(map(seconds, documents(feed)))
    assert sorted(found) == list(range(START, END, EVERY))
    begin, end = feed.rise
    assert end - begin == LASTS
    assert {time for time, count in found.items() if count != 1} == set(range(begin, end, EVERY))
    assert set(found.values()) == {1, FACTOR}


def test_the_truth_is_the_window_of_the_rise() -> None:
    feed = SmokeFeed(3, START, END)
    assert feed.drain() == ()
    documents(feed)
    (incident,) = feed.drain()
    assert (incident.start, incident.end) == tuple(time * 1_000_000 for time in feed.rise)
    assert (incident.lines, incident.factor, incident.shows_in) == (LASTS // EVERY * FACTOR, FACTOR, ("requests",))
    assert feed.close() == ()


def test_a_document_has_the_fields_of_an_access_log() -> None:
    (text,) = SmokeFeed(3, START, END).take(1).texts
    names = ("@timestamp", "timestamp", "request", "response", "agent", "remote_ip", "remote_user", "bytes", "referrer")
    assert tuple(json.loads(text)) == names


@given(st.integers(0, 2**63 - 1), st.integers(3 * LASTS, 20 * 86400))
def test_the_rise_lies_inside_the_window_wherever_the_seed_puts_it(seed: int, length: int) -> None:
    feed = SmokeFeed(seed, START, START + length)
    begin, end = feed.rise
    assert START + LASTS <= begin < end <= START + length
    assert (begin - START) % EVERY == 0
    assert SmokeFeed(seed, START, START + length).rise == feed.rise


def test_seeds_put_the_rise_at_different_places() -> None:
    assert len({SmokeFeed(seed, START, END).rise for seed in range(50)}) > 45


@given(st.lists(st.integers(1, 40_000), min_size=1, max_size=5))
def test_documents_are_the_same_in_whatever_portions_they_are_taken(portions: list[int]) -> None:
    whole, cut = SmokeFeed(5, START, START + 2 * 86400), SmokeFeed(5, START, START + 2 * 86400)
    expected = whole.take(sum(portions))
    parts = [cut.take(count) for count in portions]
    assert [text for part in parts for text in part.texts] == list(expected.texts)
    assert np.concatenate([part.times_us for part in parts]).tolist() == expected.times_us.tolist()
    assert cut.close() == whole.close()


def test_a_rise_that_was_cut_short_is_as_long_as_it_was() -> None:
    feed = SmokeFeed(5, START, END)
    before = (feed.rise[0] - START) // EVERY
    feed.take(before)
    assert feed.close() == ()
    feed = SmokeFeed(5, START, END)
    feed.take(before + 3 * FACTOR)
    (incident,) = feed.close()
    assert incident.lines == 3 * FACTOR
    assert incident.end is not None
    assert incident.start is not None
    assert incident.end - incident.start == 3 * EVERY * 1_000_000


def test_a_window_without_room_for_the_rise_is_refused() -> None:
    with pytest.raises(UsageFailure, match=r"a window of 1 h is too short: the series needs at least 1 h 30 min"):
        SmokeFeed(1, START, START + 3600)


# --- requests to a web site -------------------------------------------------------------------------


def test_a_request_has_six_fields() -> None:
    (text,) = WebFeed(1, START, END).take(1).texts
    document = json.loads(text)
    assert tuple(document) == ("timestamp", "ip", "method", "endpoint", "response_code", "response_time")
    assert [type(value) for value in document.values()] == [str, str, str, str, int, int]


def test_most_requests_come_around_the_busiest_hour_of_each_day() -> None:
    found = documents(WebFeed(1, START, END))
    hours = np.array([(seconds(one) - START) // 3600 for one in found])
    assert hours.min() >= 0
    assert hours.max() < 24 * DAYS
    per_day = np.bincount(hours, minlength=24 * DAYS).reshape(DAYS, 24)
    assert abs(per_day.sum(axis=1) - len(found) / DAYS).max() <= 2
    of_day = per_day.sum(axis=0)
    assert int(of_day.argmax()) in (13, 14)
    assert of_day[13:15].sum() > 5 * of_day[1:3].sum()
    # A bell: it only rises before, and only falls after.
    assert (np.diff(of_day[3:13]) > 0).all()
    assert (np.diff(of_day[15:24]) < 0).all()


def test_requests_are_in_order_and_of_the_usual_mix() -> None:
    found = documents(WebFeed(1, START, END))
    times = [seconds(one) for one in found]
    assert times == sorted(times)
    methods = Counter(one["method"] for one in found)
    codes = Counter(one["response_code"] for one in found)
    assert set(methods) == {"GET", "POST", "PUT", "DELETE"}
    assert methods["GET"] > 0.7 * len(found)
    assert {200, 201, 404, 500} <= set(codes)
    assert codes[200] > 0.8 * len(found)
    taken = np.array([one["response_time"] for one in found])
    # A few that stand out, as an analysis of outliers wants them.
    assert 0.001 < (taken > taken.mean() + 6 * taken.std()).mean() < 0.01


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=5), st.integers(0, 2**63 - 1))
def test_requests_are_the_same_in_whatever_portions_they_are_taken(portions: list[int], seed: int) -> None:
    whole, cut = (WebFeed(seed, START, END, total=sum(portions) + 10) for _ in range(2))
    expected = list(whole.take(sum(portions)).texts)
    assert [text for count in portions for text in cut.take(count).texts] == expected


def test_as_many_requests_as_asked_fill_the_window() -> None:
    feed = WebFeed(1, START + 3600, START + 90_000, total=5000)
    times = [seconds(one) for one in documents(feed, 999)]
    assert len(times) == 5000
    assert START + 3600 <= min(times) < START + 2 * 3600
    assert START + 88_000 < max(times) <= START + 90_000
