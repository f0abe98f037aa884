"""How often Python looks for cycles while a search runs."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from analyzer.cli.discover import discover
from traffic.cycles import NEW_OBJECTS, collected_less


def test_fewer_collections_inside_and_as_many_as_before_after_it_also_when_it_fails() -> None:
    before = gc.get_threshold()
    seen = []

    @collected_less()
    def stopped() -> None:
        seen.append((gc.isenabled(), gc.get_threshold()))
        raise ValueError("stopped")

    with pytest.raises(ValueError, match="stopped"):
        stopped()
    assert seen == [(True, (NEW_OBJECTS, *before[1:]))]
    assert gc.get_threshold() == before


def test_a_search_is_run_so(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def opened(*_: Any) -> None:
        seen.append(gc.get_threshold()[0])
        raise InterruptedError

    monkeypatch.setattr("analyzer.cli.one_run.open_source", opened)
    with pytest.raises(InterruptedError):
        discover.main(["--store", "x"], standalone_mode=False)
    assert seen == [NEW_OBJECTS]
