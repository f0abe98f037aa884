"""Days of different keys that are one request: as few as can be, the same answers, none asked for twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.reading.cache import AnswerFiles
from analyzer.reading.cut import joined, size_of
from analyzer.reading.scope import BUFFER_CACHE
from tests.search_twin import Document, search
from tests.test_reading_cache import GAUGE, WEEKS, planned, run, values
from tests.worlds import MONDAY, MemoryJoining, MemoryRollups
from traffic.model import BITS, DAY, HOUR, Query, Window
from traffic.store.base import Away, Joined, StoreError
from traffic.store.elastic.bodies import KEY, TIME, Fields
from traffic.store.elastic.opening import ReadAs
from traffic.store.elastic.reading import BucketReader
from traffic.store.elastic.view import View

KEYS = ("a", "b", "c")

parts = st.builds(
    lambda keys, day, days, resolution: Query(BITS, KEYS[:keys], Window(day * DAY, (day + days) * DAY), resolution),
    st.integers(1, 3),
    st.integers(0, 5),
    st.integers(1, 2),
    st.sampled_from([600, 600, 600, 3600]),
)


@given(
    asked=st.lists(parts, max_size=20),
    most=st.builds(Joined, st.integers(1, 6), st.integers(20, 2_000)),
    data=st.data(),
)
def test_as_many_are_one_request_as_it_may_hold_and_fewer_queries_are_no_more_requests(
    asked: list[Query], most: Joined, data: st.DataObject
) -> None:
    def size(query: Query) -> float:
        return size_of(query, query.resolution)

    found = list(joined(asked, most, size))
    assert [query for one in found for query in one] == asked
    for one in found:
        assert len({query.resolution for query in one}) == 1
        assert len(one) <= most.queries
        assert len(one) == 1 or sum(map(size, one)) <= most.buckets
    alike = [replace(query, resolution=600, keys=KEYS, window=Window(0, DAY)) for query in asked]
    fewer = [replace(query, keys=KEYS[: data.draw(st.integers(1, 3))]) for query in alike if data.draw(st.booleans())]
    assert len(list(joined(fewer, most, size))) <= len(list(joined(alike, most, size)))


# --- through the cache -----------------------------------------------------------------------------


def store(**changes: Any) -> MemoryJoining:
    return MemoryJoining(MONDAY, values(keys=9), GAUGE, native=600, **changes)


@pytest.mark.parametrize("changes", [{}, {"most": Joined(1, 1)}, {"most": Joined(99, 99_999)}, {"refuses": 2}])
def test_what_is_asked_for_together_finds_what_is_asked_for_apart(changes: dict[str, Any], tmp_path: Path) -> None:
    apart = MemoryRollups(MONDAY, values(keys=9), GAUGE, native=600)
    wanted, _ = run(apart, tmp_path / "apart")
    together = store(**changes)
    found, ledger = run(together, tmp_path / "together")
    assert len(found.events) == 9
    assert found.events == wanted.events
    assert Counter(together.asked) == Counter(apart.asked)
    if "refuses" not in changes:
        assert ledger.queries["sent"] == len(together.rolled) + len(together.requests)
        assert len(together.requests) <= planned(store(**changes), tmp_path / "new").most_requests
    again, ledger = run(together, tmp_path / "together")
    assert (again.events, ledger.queries["sent"]) == (wanted.events, 0)


def test_few_requests_hold_all_suspect_days(tmp_path: Path) -> None:
    together = store(most=Joined(64, 16_384))
    run(together, tmp_path)
    assert len(together.requests[0]) > 6, "days"
    assert len(together.requests) == len(together.rolled), "one a block of keys"
    assert planned(store(most=Joined(7, 16_384)), tmp_path / "new").most_requests == WEEKS * len(together.rolled)


@pytest.mark.parametrize("ends_after", range(1, 5))
def test_a_run_that_ends_between_two_requests_asks_for_no_day_twice(ends_after: int, tmp_path: Path) -> None:
    whole = store(most=Joined(2, 10_000))
    wanted, _ = run(whole, tmp_path / "whole")
    assert len(whole.requests) == 5
    torn = store(most=Joined(2, 10_000), ends_after=ends_after)
    with pytest.raises(Away):
        run(torn, tmp_path / "torn")
    kept = [one for one in AnswerFiles(tmp_path / "torn" / BUFFER_CACHE).answers() if one["kind"] == "series"]
    assert len(kept) == ends_after, "a file for each request"
    torn.ends_after = 1_000
    found, _ = run(torn, tmp_path / "torn")
    assert found.events == wanted.events
    assert Counter(torn.asked) == Counter(whole.asked)
    # A day that is kept makes room for another one in a request.
    assert len(torn.requests) <= len(whole.requests) + 1


# --- what a cluster is asked, and answers ----------------------------------------------------------


class _Twin:
    """Where a reader looks for a cluster: documents in a list."""

    name = "x"

    def __init__(self, there: list[Document]) -> None:
        self.there = there
        self.asked: list[dict[str, Any]] = []
        self.instead: dict[str, Any] | None = None
        """What it answers, whatever it is asked."""

    def search(self, body: dict[str, Any], wanted: str) -> dict[str, Any]:
        self.asked.append(body)
        return search(self.there, self.instead or body, wanted)


def reader(twin: _Twin, full: bool = True) -> BucketReader:
    fields = Fields(TIME, KEY, BITS.field, "sum")
    fields.full = full
    read = ReadAs(fields=fields, metric=BITS, ours=True, step=600, told=None, said="", view=View("", steady=True))
    return BucketReader(twin, read, None, 10_000)  # type: ignore[arg-type]


documents = st.lists(
    st.tuples(st.sampled_from([*KEYS, "other"]), st.integers(0, 7 * 144 - 1)), unique=True, max_size=40
).map(lambda found: [{KEY: key, TIME: 600_000 * step + 7, BITS.field: 1 + step % 9} for key, step in found])
days = st.lists(
    st.tuples(st.sets(st.sampled_from(KEYS), min_size=1), st.integers(0, 6), st.integers(0, 23)),
    min_size=1,
    max_size=6,
    unique_by=lambda one: one[1],
).map(
    lambda found: [
        Query(BITS, tuple(sorted(keys)), Window(day * DAY, day * DAY + (24 - less) * HOUR), 600)
        for keys, day, less in sorted(found, key=lambda one: one[1])
    ]
)


@given(there=documents, asked=days)
def test_buckets_of_a_joined_request_are_those_of_each(there: list[Document], asked: list[Query]) -> None:
    twin = _Twin(there)
    answers = reader(twin).series_joined(asked)
    assert len(twin.asked) == 1
    for query, answer in zip(asked, answers, strict=True):
        alone = reader(twin).series(query)
        assert (answer.keys, answer.grid) == (alone.keys, alone.grid)
        np.testing.assert_array_equal(answer.values, alone.values)
        np.testing.assert_array_equal(answer.rows, alone.rows)


@given(there=documents, asked=days, lost=st.integers(0, 39))
def test_documents_without_a_value_that_somebody_wrote_to_an_index_of_ours_do_not_count(
    there: list[Document], asked: list[Query], lost: int
) -> None:
    if there:
        there = [*there, {**there[lost % len(there)], BITS.field: None}]
    for full, wanted in zip(
        reader(_Twin(there)).series_joined(asked), reader(_Twin(there), False).series_joined(asked), strict=True
    ):
        np.testing.assert_array_equal(full.values, wanted.values)
        np.testing.assert_array_equal(full.rows, wanted.rows)


def test_a_day_of_a_key_that_was_not_asked_for_is_refused() -> None:
    twin = _Twin([{KEY: key, TIME: day * DAY * 1000, BITS.field: 1} for key in ("a", "b") for day in (0, 1)])
    asked = [Query(BITS, ("a",), Window(0, DAY), 600), Query(BITS, ("b",), Window(DAY, 2 * DAY), 600)]
    assert [np.nansum(one.values) > 0 for one in reader(twin).series_joined(asked)] == [True, True]
    twin.instead = Fields(TIME, KEY, BITS.field, "sum").buckets(("a", "b"), Window(0, 2 * DAY), 600)
    with pytest.raises(StoreError, match="not asked for"):
        reader(twin).series_joined(asked)
