"""A query cut into what a store takes at once."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.reading.cut import Tree, halves, join_rollups, join_series, tree
from traffic.model import BITS, DAY, HOUR, HOUR_FIELDS, Grid, Hours, Matrix, Query, Rollup, Window
from traffic.store.base import Limits

limits = st.builds(
    Limits,
    keys=st.none() | st.integers(1, 50),
    seconds=st.none() | st.sampled_from((HOUR, 5 * HOUR, 3 * DAY)),
    buckets=st.none() | st.integers(50, 5_000),
)
queries = st.builds(
    lambda keys, hour, hours, step: Query(
        BITS, tuple(f"k{key:03}" for key in range(keys)), Window(hour * HOUR, (hour + hours) * HOUR), step
    ),
    st.integers(1, 120),
    st.integers(0, 500),
    st.integers(1, 100),
    st.sampled_from((60, 300, 3600)),
)


def answered(query: Query) -> Matrix:
    """Each bucket tells of which key and time it is."""
    grid = Grid.over(query.window, query.resolution)
    rows = np.array([int(key[1:]) for key in query.keys], dtype=float)
    return Matrix(query.keys, grid, rows[:, None] * 1e10 + grid.times())


def joined(one: Tree) -> Matrix:
    if not one.halves:
        return answered(one.query)
    first, second = map(joined, one.halves)
    return join_series(first, second, one.query)


@given(query=queries, most=limits)
def test_the_parts_tile_the_query_and_each_fits(query: Query, most: Limits) -> None:
    whole = tree(query, query.resolution, most)
    windows: dict[str, list[Window]] = {key: [] for key in query.keys}
    for part in whole.leaves():
        for key in part.keys:
            windows[key].append(part.window)
    for found in windows.values():
        assert (found[0].start, found[-1].end) == (query.window.start, query.window.end)
        assert all(first.end == later.start for first, later in pairwise(found))
    for part in whole.leaves():
        assert most.keys is None or len(part.keys) <= most.keys
        assert most.seconds is None or part.window.seconds <= most.seconds
        if most.buckets is not None and (len(part.keys) > 1 or part.window.seconds > query.resolution):
            assert len(part.keys) * (1 + part.window.seconds // query.resolution) <= most.buckets


def rolled(query: Query) -> Rollup:
    """Each number tells of which key, hour and field it is."""
    whole = answered(replace(query, resolution=HOUR))
    return Rollup(query.keys, whole.grid, Hours.of(whole.values + number for number in range(len(HOUR_FIELDS))))


def joined_rollups(one: Tree) -> Rollup:
    if not one.halves:
        return rolled(one.query)
    first, second = map(joined_rollups, one.halves)
    return join_rollups(first, second, one.query)


@settings(max_examples=30)
@given(query=queries, most=limits)
def test_the_answers_to_the_parts_are_the_answer(query: Query, most: Limits) -> None:
    whole = joined(tree(query, query.resolution, most))
    assert (whole.keys, whole.grid) == (query.keys, answered(query).grid)
    np.testing.assert_array_equal(whole.values, answered(query).values)


@settings(max_examples=30)
@given(query=queries, most=limits)
def test_the_rollups_of_the_parts_are_the_rollup(query: Query, most: Limits) -> None:
    whole, expected = joined_rollups(tree(query, HOUR, most)), rolled(query)
    assert (whole.keys, whole.grid) == (expected.keys, expected.grid)
    for name, found, wanted in zip(HOUR_FIELDS, whole.hours, expected.hours, strict=True):
        np.testing.assert_array_equal(found, wanted, err_msg=name)


@given(query=queries, keys=st.integers(1, 50), hours=st.integers(1, 72))
def test_there_are_as_few_parts_as_can_be(query: Query, keys: int, hours: int) -> None:
    parts = list(tree(query, query.resolution, Limits(keys, hours * HOUR)).leaves())
    assert len(parts) == -(-len(query.keys) // keys) * -(-query.window.seconds // (hours * HOUR))


@pytest.mark.parametrize(
    ("keys", "seconds", "keys_too", "expected"),
    [
        (5, DAY, True, [(2, DAY), (3, DAY)]),
        (1, DAY, True, [(1, DAY // 2), (1, DAY // 2)]),
        (5, DAY, False, [(5, DAY // 2), (5, DAY // 2)]),
        (1, 60, True, None),
        (5, 60, False, None),
    ],
)
def test_keys_are_halved_first_and_time_where_that_would_help_more(
    keys: int, seconds: int, keys_too: bool, expected: list[tuple[int, int]] | None
) -> None:
    query = Query(BITS, tuple(map(str, range(keys))), Window(0, seconds), 60)
    cut = halves(query, 60, keys_too)
    assert (cut and [(len(half.keys), half.window.seconds) for half in cut]) == expected
