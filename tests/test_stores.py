"""Every store, held against the same twin (tests/conformance.py)."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance import KINDS, MONDAY, SPAN, STEP, Kind, World, queries, span_of, twin, worlds
from traffic.model import DAY, HOUR, WEEK, Grid, Query, Window
from traffic.store import Columns
from traffic.store.base import POINTS, StoreError, TooLarge

pytestmark = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)

SMALL: World = {
    "a": {MONDAY + STEP * i: i for i in range(100)},
    "b": {MONDAY + WEEK + STEP * i: 7 * i for i in range(50)},
}

fast = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])


@fast
@given(data=st.data(), world=worlds())
def test_a_series_is_what_the_twin_says(kind: Kind, data: st.DataObject, world: World) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = kind.made(world, Path(folder))
        for _ in range(4):
            keys, window, resolution = data.draw(queries(world))
            query = Query(source.metric, keys, window, resolution)
            matrix = source.series(query)
            assert (matrix.keys, matrix.grid) == (keys, Grid.over(window, resolution))
            assert matrix.values.dtype == np.float64
            expected = np.array(twin(kind, source, world, query)).reshape(matrix.values.shape)
            np.testing.assert_array_equal(matrix.values, expected)


@fast
@given(world=worlds(), data=st.data())
def test_extent_and_spans_hold_all_values_and_name_every_key(kind: Kind, world: World, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = kind.made(world, Path(folder))
        spans = {key: span_of(steps) for key, steps in world.items()}
        extent = source.extent(None, HOUR)
        assert extent.start == min(span.start for span in spans.values())
        assert 0 <= max(span.end for span in spans.values()) - extent.end < STEP
        _, window, _ = data.draw(queries(world))
        found = source.keys(window)
        assert list(found) == sorted(found)
        needed = {key for key, steps in world.items() if any(window.start <= t < window.end for t in steps)}
        assert needed <= set(found) <= {key for key, span in spans.items() if span.overlap(window)}
        for key, span in found.items():
            # of the last step a store may know only that it began
            assert span.hull(Window(spans[key].start, spans[key].end - STEP + 1)) == span
            assert span.clip(spans[key]) == span


def test_a_bucket_with_some_of_its_steps_is_made_of_these(kind: Kind, tmp_path: Path) -> None:
    source = kind.made({"a": {MONDAY: 30, MONDAY + 240: 40, MONDAY + 3600: 1}}, tmp_path)
    matrix = source.series(Query(source.metric, ("a",), Window(MONDAY, MONDAY + 900), 300))
    gap = 0.0 if kind.fills else np.nan
    np.testing.assert_array_equal(matrix.values, [[70 * source.metric.factor(300), gap, gap]])


def test_a_window_outside_of_the_data_is_empty_not_zero(kind: Kind, tmp_path: Path) -> None:
    source = kind.made(SMALL, tmp_path)
    for window in (Window(SPAN.start - DAY, SPAN.start - HOUR), Window(SPAN.end, SPAN.end + HOUR)):
        matrix = source.series(Query(source.metric, ("a", "b"), window, 60))
        assert np.isnan(matrix.values).all()
        assert source.keys(window) == {}


def test_no_keys_and_no_time_are_an_empty_answer(kind: Kind, tmp_path: Path) -> None:
    source = kind.made(SMALL, tmp_path)
    assert source.series(Query(source.metric, (), SPAN, 3600)).values.shape == (0, SPAN.seconds // 3600)
    assert source.series(Query(source.metric, ("a",), Window(MONDAY, MONDAY), 60)).values.shape == (1, 0)


def test_values_cannot_be_changed_by_who_asked(kind: Kind, tmp_path: Path) -> None:
    source = kind.made(SMALL, tmp_path)
    query = Query(source.metric, ("a",), Window(MONDAY, MONDAY + HOUR), 60)
    with pytest.raises(ValueError, match="read-only"):
        source.series(query).values[0, 0] = 1
    np.testing.assert_array_equal(source.series(query).values, source.series(query).values)


def test_another_field_is_refused(kind: Kind, tmp_path: Path) -> None:
    source = kind.made(SMALL, tmp_path)
    other = Columns("ts", "key", "packets").metric()
    with pytest.raises(StoreError, match="packets"):
        source.series(Query(other, ("a",), SPAN, 60))


def test_too_large_a_request_says_so(kind: Kind, tmp_path: Path) -> None:
    source = kind.made(SMALL, tmp_path)
    keys = tuple(map(str, range(200)))
    with pytest.raises(TooLarge, match="at once"):
        source.series(Query(source.metric, keys, Window(0, 60 * (POINTS // 200 + 1)), 60))


def test_the_fingerprint_changes_with_the_data_and_only_then(kind: Kind, tmp_path: Path) -> None:
    source = kind.made(SMALL, tmp_path)
    before = source.fingerprint(SPAN)
    source.series(Query(source.metric, ("a",), SPAN, 3600))
    assert source.fingerprint(SPAN) == before
    assert kind.opened(tmp_path).fingerprint(SPAN) == before
    # a clock that stands still would hide a change that keeps the size
    for path in tmp_path.rglob("*"):
        os.utime(path, ns=(time.time_ns() - 10**9,) * 2)
    before = kind.opened(tmp_path).fingerprint(SPAN)
    kind.write({key: dict.fromkeys(steps, 3) for key, steps in SMALL.items()}, kind.place(tmp_path))
    assert kind.opened(tmp_path).fingerprint(SPAN) != before


def test_the_same_data_gives_the_same_bytes(kind: Kind, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = kind.made(SMALL, tmp_path / "one"), kind.made(SMALL, tmp_path / "two")
    query = Query(one.metric, ("b", "a"), SPAN, 600)
    assert one.series(query).values.tobytes() == two.series(query).values.tobytes()
