"""What every store owes its readers: run on each `Kind` by tests/test_stores.py and tests/test_elastic_store.py."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from analyzer.kernels.rollup import roll_up
from analyzer.reading.fetch import Halving
from tests.conformance import MONDAY, SPAN, STEP, Kind, Place, World, queries, span_of, twin, worlds
from traffic.coverage import Coverage
from traffic.model import DAY, HOUR, HOUR_FIELDS, WEEK, Floats, Grid, Query, Window
from traffic.store import Columns
from traffic.store.base import (
    POINTS,
    JoiningSource,
    RollupSource,
    ScarceSource,
    ServedSource,
    SizedSource,
    Source,
    StoreError,
    TooLarge,
)

SMALL: World = {
    "a": {MONDAY + STEP * i: i for i in range(100)},
    "b": {MONDAY + WEEK + STEP * i: 7 * i for i in range(50)},
}


def small(kind: Kind, place: Place) -> tuple[Source, tuple[str, ...]]:
    """A store with two keys, and what they are called there."""
    world = kind.keyed(SMALL)
    place.put(world)
    return place.opened(), tuple(world)


def ask(source: Source, keys: tuple[str, ...], window: Window, resolution: int) -> Floats:
    """The values, whatever the store takes at once."""
    return Halving(source).series(Query(source.metric, keys, window, resolution)).values


# --- with worlds that hypothesis draws -------------------------------------------------------------


def a_series_is_what_the_twin_says(kind: Kind, place: Place, data: st.DataObject) -> None:
    world = kind.keyed(data.draw(worlds()))
    place.put(world)
    source = place.opened()
    for _ in range(4):
        keys, window, resolution = data.draw(queries(world, kind.resolutions))
        query = Query(source.metric, keys, window, resolution)
        matrix = Halving(source).series(query)
        assert (matrix.keys, matrix.grid) == (keys, Grid.over(window, resolution))
        assert matrix.values.dtype == np.float64
        expected = np.array(twin(kind, source, world, query)).reshape(matrix.values.shape)
        np.testing.assert_allclose(matrix.values, expected, rtol=1e-15 if kind.mean else 0, atol=0)


def extent_and_spans_hold_all_values_and_name_every_key(kind: Kind, place: Place, data: st.DataObject) -> None:
    world = kind.keyed(data.draw(worlds()))
    place.put(world)
    source = place.opened()
    spans = {key: span_of(steps) for key, steps in world.items()}
    first, last = min(span.start for span in spans.values()), max(span.end for span in spans.values())
    extent = source.extent(None, STEP)
    # Of the last step a store may know only that it began.
    assert extent.start <= first
    assert extent.end > last - STEP
    if kind.exact:
        assert (extent.start, extent.end <= last) == (first, True)
    _, window, _ = data.draw(queries(world))
    found = source.keys(window)
    assert list(found) == sorted(found)
    needed = {key for key, steps in world.items() if any(window.start <= time < window.end for time in steps)}
    assert needed <= set(found) <= set(world)
    for key, span in found.items():
        if kind.exact:
            assert span.hull(Window(spans[key].start, spans[key].end - STEP + 1)) == span
            assert span.clip(spans[key]) == span
            assert span.overlap(window)
        else:
            assert all(span.start <= time < span.end for time in world[key] if window.start <= time < window.end)


# --- with one small world --------------------------------------------------------------------------


def it_says_of_itself_what_it_is_and_what_it_can(kind: Kind, place: Place) -> None:
    source, keys = small(kind, place)
    assert source.name
    assert "\n" not in source.name
    assert source.step() == kind.step
    assert (source.identity() is not None) == kind.ours
    for resolution in kind.resolutions:
        limits = source.limits(resolution)
        assert limits.points >= 1
        assert limits.at_once >= 1
        for most in (limits.keys, limits.seconds, limits.buckets):
            assert most is None or most >= 1
    assert source.settling is None or source.settling >= 0
    if source.settling is None:
        # Its fingerprint tells of any change, so it knows how far back it goes.
        assert len({source.extent(since, 60) for since in (None, SPAN.start - WEEK, SPAN.end)}) == 1
    ask(source, keys, SPAN, 3600)
    for text in (*source.notes(), *source.remarks()):
        assert text
        assert "\n" not in text
    coverage = source.coverage(SPAN, source.extent(None, STEP))
    assert isinstance(coverage, Coverage)
    assert coverage.explained
    for ability in (RollupSource, ScarceSource, ServedSource, SizedSource, JoiningSource):
        assert isinstance(source, ability) == (ability in kind.abilities), ability.__name__


def what_it_can_beyond_that_is_as_declared(kind: Kind, place: Place) -> None:
    source, keys = small(kind, place)
    if isinstance(source, RollupSource) and source.rolls_up(60):
        for percent in (95.0, 98.0, 50.0):
            asked = (keys[1], "nobody", keys[0])
            query = Query(source.metric, asked, Window(MONDAY - DAY, MONDAY + 8 * DAY), 60, percent)
            made, ours = source.rollup(query), roll_up(ask(source, query.keys, query.window, 60), 60, percent)
            assert (made.keys, made.grid) == (query.keys, Grid.over(query.window, HOUR))
            for name, found, expected in zip(HOUR_FIELDS, made.hours, ours, strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-13, err_msg=name)
    if isinstance(source, JoiningSource):
        assert min(source.joins().queries, source.joins().buckets) >= 1
        # Here one key of a day, there both of another, a key that is not there, and a day that lies between them.
        several = ((keys[1],), keys[::-1], ("nobody", keys[0]), keys[:1])
        days = (Window(MONDAY + day * DAY, MONDAY + day * DAY + DAY) for day in (7, 0, 8, 3))
        parts = [Query(source.metric, some, day, 600) for some, day in zip(several, days, strict=True)]
        for query, answer in zip(parts, source.series_joined(parts), strict=True):
            assert (answer.keys, answer.grid) == (query.keys, Grid.over(query.window, 600))
            np.testing.assert_array_equal(answer.values, source.series(query).values)
    if isinstance(source, ScarceSource):
        assert 0 <= source.duration(0, 1) < source.duration(100, 1)
        assert source.duration(100, 4) <= source.duration(100, 1)
        source.abandon()
    if isinstance(source, ServedSource):
        assert source.facts()
        assert all(fact and "\n" not in fact for fact in source.facts())
    if isinstance(source, SizedSource):
        rows, series, window = source.glimpse()
        assert source.size() > 0
        assert (rows, series) == (sum(2 * len(steps) for steps in SMALL.values()), 2)
        assert window.hull(Window(MONDAY, MONDAY + WEEK + 49 * STEP)) == window


def a_bucket_with_some_of_its_steps_is_made_of_these(kind: Kind, place: Place) -> None:
    world = kind.keyed({"a": {MONDAY: 30, MONDAY + 240: 40, MONDAY + 3600: 1}})
    place.put(world)
    source = place.opened()
    values = ask(source, tuple(world), Window(MONDAY, MONDAY + 900), 300)
    gap = 0.0 if kind.fills else np.nan
    first = 35 * 8 / STEP if kind.mean else 70 * source.metric.factor(300)
    np.testing.assert_allclose(values, [[first, gap, gap]], rtol=1e-15)


def a_window_outside_of_the_data_is_empty_not_zero(kind: Kind, place: Place) -> None:
    source, keys = small(kind, place)
    for window in (Window(SPAN.start - DAY, SPAN.start - HOUR), Window(SPAN.end, SPAN.end + HOUR)):
        assert np.isnan(ask(source, keys, window, 60)).all()
        assert source.keys(window) == {}


def a_key_that_it_does_not_know_is_missing(kind: Kind, place: Place) -> None:
    source, keys = small(kind, place)
    values = ask(source, ("nobody", keys[0]), Window(MONDAY, MONDAY + HOUR), 60)
    assert np.isnan(values[0]).all()
    assert not np.isnan(values[1]).any()


def no_keys_and_no_time_are_an_empty_answer(kind: Kind, place: Place) -> None:
    source, keys = small(kind, place)
    assert source.series(Query(source.metric, (), SPAN, 3600)).values.shape == (0, SPAN.seconds // 3600)
    assert source.series(Query(source.metric, keys[:1], Window(MONDAY, MONDAY), 60)).values.shape == (1, 0)


def values_cannot_be_changed_by_who_asked(kind: Kind, place: Place) -> None:
    source, keys = small(kind, place)
    query = Query(source.metric, keys[:1], Window(MONDAY, MONDAY + HOUR), 60)
    with pytest.raises(ValueError, match="read-only"):
        source.series(query).values[0, 0] = 1
    np.testing.assert_array_equal(source.series(query).values, source.series(query).values)


def another_field_is_refused(kind: Kind, place: Place) -> None:
    source, keys = small(kind, place)
    with pytest.raises(StoreError, match="packets"):
        source.series(Query(Columns("ts", "key", "packets").metric(), keys, SPAN, 60))


def too_large_a_request_says_so(kind: Kind, place: Place) -> None:
    source, _ = small(kind, place)
    with pytest.raises(TooLarge, match="at once"):
        source.series(Query(source.metric, tuple(map(str, range(200))), Window(0, 60 * (POINTS // 200 + 1)), 60))


def the_fingerprint_changes_with_the_data_and_only_then(kind: Kind, place: Place) -> None:
    source, keys = small(kind, place)
    before = source.fingerprint(SPAN)
    ask(source, keys, SPAN, 3600)
    assert source.fingerprint(SPAN) == before
    assert place.opened().fingerprint(SPAN) == before
    if source.settling is None:
        _let_time_pass(source)
        before = place.opened().fingerprint(SPAN)
        # More of it, of a key that is there: what some stores hold already stays.
        place.put(kind.keyed({"a": {**SMALL["a"], MONDAY + 100 * STEP: 3}, "b": SMALL["b"]}))
        assert place.opened().fingerprint(SPAN) != before


def the_same_data_gives_the_same_bytes(kind: Kind, place: Place) -> None:
    answers = []
    for _ in range(2):
        source, keys = small(kind, place)
        answers.append(ask(source, keys[::-1], SPAN, 600).tobytes())
    assert answers[0] == answers[1]


def _let_time_pass(source: Source) -> None:
    """A clock that stands still would hide a change that keeps the size."""
    path = Path(source.name)
    for file in (path, *path.rglob("*")):
        if file.exists():
            os.utime(file, ns=(time.time_ns() - 10**9,) * 2)


PROPERTIES: tuple[Callable[[Kind, Place, st.DataObject], None], ...] = (
    a_series_is_what_the_twin_says,
    extent_and_spans_hold_all_values_and_name_every_key,
)
CHECKS: tuple[Callable[[Kind, Place], None], ...] = (
    it_says_of_itself_what_it_is_and_what_it_can,
    what_it_can_beyond_that_is_as_declared,
    a_bucket_with_some_of_its_steps_is_made_of_these,
    a_window_outside_of_the_data_is_empty_not_zero,
    a_key_that_it_does_not_know_is_missing,
    no_keys_and_no_time_are_an_empty_answer,
    values_cannot_be_changed_by_who_asked,
    another_field_is_refused,
    too_large_a_request_says_so,
    the_fingerprint_changes_with_the_data_and_only_then,
    the_same_data_gives_the_same_bytes,
)
