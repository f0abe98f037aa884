"""A key that was never there before: the first of it is an event of its own class, and the largest comes first."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer.judging.first import MOST, by_volume
from tests.commands import sl, well
from tests.conformance import MONDAY
from tests.findings_maker import make_event
from traffic.model import DAY, WEEK

BURST = MONDAY + 3 * WEEK + 2 * DAY + 36_000


def flows(folder: Path, *more: str) -> str:
    """Four weeks of two ports with bytes every five minutes, and rows of others."""
    lines = ["time,dst_port,bytes"]
    rng = np.random.default_rng(1)
    for port, level in ((443, 4_000_000), (53, 900_000)):
        values = rng.normal(level, level / 20, 4 * WEEK // 300).astype(int).tolist()
        lines += [f"{MONDAY + 300 * place},{port},{value}" for place, value in enumerate(values)]
    (folder / "flows.csv").write_text("\n".join([*lines, *more]) + "\n")
    return str(folder / "flows.csv")


def attack(port: int, level: int, start: int = BURST) -> list[str]:
    return [f"{start + 300 * place},{port},{level + place}" for place in range(9)]


def found(store: str, folder: Path, *more: str) -> dict[str, Any]:
    return discovered(store, folder, "--key", "dst_port", *more)


def discovered(store: str, folder: Path, *more: str) -> dict[str, Any]:
    command = ("discover", "--store", store, "--output", folder / "out", "--json", "-q", "--charts", "0", "--no-html")
    answer: dict[str, Any] = json.loads(well(sl(*command, *more)).out)
    return answer


def test_the_port_that_was_never_there_is_named(tmp_path: Path) -> None:
    store = flows(tmp_path, *attack(123, 3_000_000), *attack(19, 300_000, BURST + 3600))
    events = found(store, tmp_path)["events"]
    told = [(one["key"], one["class"], one["baseline"], one["ratio"]) for one in events if one["class"] == "new"]
    assert told == [("123", "new", 0, None), ("19", "new", 0, None)]
    first, second = (one for one in events if one["class"] == "new")
    assert first["severity"] == 25
    assert second["severity"] == pytest.approx(5 + 20 * second["excess"] / first["excess"])
    assert first["start"] == "2025-01-29T10:00:00Z"
    assert first["minutes"] == 45
    words = well(sl("explain", first["event_id"], "--output", tmp_path / "out", "-q")).out
    assert "class new, severity 25" in words
    assert "123 was not there in the first week of the store: its first day is compared" in words


def test_what_is_there_from_the_beginning_or_not_wanted_is_not_new(tmp_path: Path) -> None:
    early = flows(tmp_path, *attack(123, 3_000_000, MONDAY + 2 * DAY))
    assert not [one for one in found(early, tmp_path)["events"] if one["class"] == "new"]
    late = flows(tmp_path, *attack(123, 3_000_000))
    other = found(late, tmp_path, "--classes", "policy,unusual")
    assert not [one for one in other["events"] if one["class"] == "new"]
    levels = found(late, tmp_path, "--statistic", "avg")
    assert not [one for one in levels["events"] if one["class"] == "new"]


def test_hours_in_which_a_key_is_not_there_do_not_count_as_judged(tmp_path: Path) -> None:
    for day in range(20):
        rows = [f"{MONDAY + DAY * day + 300 * place},{place % 7}" for place in range(DAY // 300)]
        (tmp_path / f"part{chr(97 + day)}.csv").write_text("\n".join(["time,load", *rows]) + "\n")
    answer = discovered(str(tmp_path / "part*.csv"), tmp_path)
    assert answer["not_judged"]["share"] == 1
    assert answer["not_judged"]["keys"] == 20


def test_more_new_keys_than_anybody_reads_are_counted() -> None:
    events = [
        replace(make_event(f"k{number:03}", BURST + number * 60), event_class="new", excess=float(number + 1))
        for number in range(MOST + 5)
    ]
    kept, more = by_volume(events)
    assert len(kept) == MOST
    assert sorted(one.key for one in more) == [f"k{number:03}" for number in range(5)]
    assert max(kept, key=lambda one: one.severity).key == f"k{MOST + 4:03}"
