"""What a store counts is held against what its answers held, at the end of every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from typing_extensions import override

from analyzer.model import Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.scope import Scope
from tests.worlds import MONDAY, MemorySource
from traffic.coverage import Coverage
from traffic.errors import PartialAnswer
from traffic.model import DAY, HOUR, Matrix, Query, Window
from traffic.store.base import SharedSource


@dataclass
class CountingSource(MemorySource, SharedSource):
    """Says of each bucket how many rows it is made of; other than what it counts there may be `more` of them."""

    more: int = 0
    written: int | None = None
    """Rows that somebody wrote meanwhile."""
    counted: int = 0

    @override
    def series(self, query: Query) -> Matrix:
        found = super().series(query)
        rows = (~np.isnan(found.values)).astype(np.uint32) * (query.resolution // self.native)
        return replace(found, rows=rows)

    @override
    def coverage(self, window: Window, reach: Window, only: Sequence[str] | None = None) -> Coverage:
        self.counted += 1
        found = super().coverage(window, reach, only)
        (part,) = found.parts
        rows = (part.rows or 0) + self.more
        return replace(found, parts=(replace(part, rows=rows, used=rows),), held=(rows, rows))

    @override
    def changes(self) -> int | None:
        return self.written


def account(store: CountingSource, output: Path, **scope: object) -> Coverage:
    search = Search(output, Policy(), Scope(resolution=HOUR, now=store.start + 400 * DAY, **scope))  # type: ignore[arg-type]
    return discover(store, search, None, Ledger(), lambda _done, _total: None).coverage


def world(**fields: object) -> CountingSource:
    return CountingSource(MONDAY, {key: np.ones(24 * 21 * 60) for key in "abc"}, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("scope", [{}, {"only": ("a", "b")}, {"exclude": ("c",)}, {"start": MONDAY + 9 * DAY}])
def test_rows_of_the_answers_are_those_that_the_store_counts_also_from_the_cache(tmp_path, scope):
    for _ in range(2):
        found = account(world(), tmp_path, **scope)
        assert found.read is not None
        assert found.held == (found.read, found.read)
        assert found.explained


@pytest.mark.parametrize("more", [1, -1])
def test_a_row_too_few_or_too_many_ends_the_run(tmp_path, more):
    with pytest.raises(PartialAnswer, match=f"1 too {'few' if more > 0 else 'many'}.*nothing was used or cached"):
        account(world(more=more), tmp_path)
    store = world()
    account(store, tmp_path)
    assert store.asked, "what did not add up was kept"


@pytest.mark.parametrize("more", [7, -7])
def test_what_was_written_meanwhile_explains_as_many_and_no_more(tmp_path, more):
    found = account(world(more=more, written=7), tmp_path)
    assert (found.missing, found.changed) == (more, 7)
    assert not found.whole
    assert f"7 {'fewer' if more > 0 else 'more'}, because it was written to while it was read" in found.sentence()
    with pytest.raises(PartialAnswer):
        account(world(more=2 * more, written=7), tmp_path)


def test_a_store_that_cannot_say_what_came_is_counted_before_and_after(tmp_path):
    store = world()
    assert store.settling is None
    account(store, tmp_path)
    assert store.counted == 1
    store = world(settling=600)
    account(store, tmp_path)
    assert store.counted == 2
