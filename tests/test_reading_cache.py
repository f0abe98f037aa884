"""What is asked of a store, counted at the store, and what is kept of the answers, to the row."""

from __future__ import annotations

import gc
import json
import struct
from dataclasses import replace
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analyzer.model import Findings, Policy
from analyzer.pipeline import BUFFER_LOG, Ledger, Search, discover
from analyzer.reading.cache import AnswerFiles, CachedBuckets
from analyzer.reading.cache.names import piece_hash, piece_hashes
from analyzer.reading.fetch import Halving, Rolled
from analyzer.reading.kept import KeptBuckets
from analyzer.reading.plan import Estimate, plan
from analyzer.reading.scope import BUFFER_CACHE, Scope
from tests.worlds import MONDAY, MemoryRollups, MemorySource, ScarceMemory
from traffic.model import DAY, HOUR, WEEK, Floats, Matrix, Metric, Query, Window
from traffic.times import iso

GAUGE = Metric(name="load", field="load", statistic="sum")
NOW = MONDAY + 60 * WEEK
WEEKS = 4
END = MONDAY + WEEKS * WEEK


def values(keys: int = 3, weeks: int = WEEKS) -> dict[str, Floats]:
    """Ten-minute steps with an event in each, in different weeks."""
    rng = np.random.default_rng(7)
    series = {f"k{n}": 10 + rng.integers(0, 4, weeks * 1008).astype(float) for n in range(keys)}
    for n, one in enumerate(series.values()):
        one[1008 * (n % weeks) + 100 * (n + 1) :][:6] *= 9
    return series


def run(source: MemorySource, output: Path, now: int = NOW, full_scan: bool = False) -> tuple[Findings, Ledger]:
    ledger = Ledger()
    search = Search(output, Policy(), Scope(600, now), full_scan)
    return discover(source, search, None, ledger, lambda _done, _all: None), ledger


def planned(source: MemorySource, output: Path, now: int = NOW) -> Estimate:
    return plan(source, Scope(600, now), output)


def ahead(source: MemoryRollups, output: Path, now: int = NOW) -> tuple[Estimate, int]:
    """What a dry run says, and the requests for roll-ups that the run after it sends; the one small request is none."""
    said = planned(source, output, now)
    source.rolled.clear()
    run(source, output, now)
    return said, len(source.rolled)


# --- a store that makes roll-ups -------------------------------------------------------------------


@pytest.mark.parametrize("buckets", [None, 3 * 673, 700, 100])
def test_a_dry_run_counts_the_roll_ups_that_a_run_then_asks_for(buckets: int | None, tmp_path: Path) -> None:
    store = MemoryRollups(MONDAY, values(), GAUGE, native=600, buckets=buckets)
    said, asked = ahead(store, tmp_path)
    assert said.pushed
    assert said.requests == asked
    assert asked == {None: 1, 3 * 673: 1, 700: 3, 100: 24}[buckets]
    assert (said.buckets, said.points) == (3 * WEEKS * 168, 3 * WEEKS * 1008)
    # A key, and what falls into a day of its: 145 buckets of ten minutes.
    per_day = {None: 1, 3 * 673: 1, 700: 1, 100: 6}[buckets]
    assert said.most_requests == WEEKS * 7 * per_day


def test_a_dry_run_leaves_out_what_is_kept_and_counts_what_can_not_be_kept(tmp_path: Path) -> None:
    store = MemoryRollups(MONDAY, values(), GAUGE, native=600, settling=HOUR)
    run(store, tmp_path, END)
    said, asked = ahead(store, tmp_path, END)
    assert (said.requests, asked, said.buckets) == (1, 1, 3), "the last hour, of three keys"
    assert [query.window for query in store.rolled] == [Window(END - HOUR, END)]
    said, asked = ahead(store, tmp_path, END + HOUR)
    assert (said.requests, asked, said.buckets) == (1, 1, 3 * 168), "its week can now be kept as a whole"
    said, asked = ahead(store, tmp_path, END + HOUR)
    assert (said.requests, said.buckets, said.points, asked) == (0, 0, 0, 0)


def test_roll_ups_in_parts_find_what_roll_ups_as_a_whole_find(tmp_path: Path) -> None:
    whole, _ = run(MemoryRollups(MONDAY, values(), GAUGE, native=600), tmp_path / "whole")
    parts, _ = run(MemoryRollups(MONDAY, values(), GAUGE, native=600, buckets=60), tmp_path / "parts")
    own, _ = run(MemorySource(MONDAY, values(), GAUGE, native=600), tmp_path / "own")
    assert len(whole.events) == 3
    assert whole.events == parts.events == own.events
    assert whole.not_judged == parts.not_judged == own.not_judged


# --- a store whose requests are few ----------------------------------------------------------------


@pytest.mark.parametrize("now", [END, END + 90 * 60, NOW])
@pytest.mark.parametrize("full_scan", [False, True])
def test_every_bucket_is_asked_for_once_in_a_run_also_where_it_cannot_be_kept(
    now: int, full_scan: bool, tmp_path: Path
) -> None:
    series = values(keys=5)
    series["k0"][-4:] *= 9
    store = ScarceMemory(MONDAY, series, GAUGE, native=600, settling=2 * HOUR)
    found, ledger = run(store, tmp_path, now, full_scan)
    assert [event.end for event in found.events if event.end == END] == [END]
    for key in series:
        asked = sorted(query.window for query in store.asked if key in query.keys)
        assert (asked[0].start, asked[-1].end) == (MONDAY, END)
        assert all(first.end == later.start for first, later in pairwise(asked)), "none twice, none left out"
    # Three blocks of keys, each in windows of three days.
    assert len(store.asked) == ledger.queries["sent"] == 3 * -(-WEEKS * 7 // 3)
    assert ledger.points["read"] == 5 * WEEKS * 1008
    assert planned(replace(store, asked=[]), tmp_path / "new", now).requests == len(store.asked)


def test_what_could_not_be_kept_is_all_that_a_second_run_asks_for(tmp_path: Path) -> None:
    store = ScarceMemory(MONDAY, values(keys=2), GAUGE, native=600, settling=2 * HOUR)
    run(store, tmp_path, END)
    store.asked.clear()
    said = planned(store, tmp_path, END)
    run(store, tmp_path, END)
    (asked,) = store.asked
    assert asked.window == Window(END - DAY, END), "a day is kept as a whole, once its end is settled"
    assert (said.requests, said.buckets) == (1, 2 * 144)


# --- what is kept ----------------------------------------------------------------------------------


def rows(output: Path) -> list[tuple[str, str, str, int]]:
    """The readable log: kind, start, end, pieces."""
    listed = json.loads((output / BUFFER_LOG).read_text())["queries"].values()
    return sorted((row["kind"], row["start"], row["end"], row.get("pieces", 0)) for row in listed)


def test_the_log_says_from_when_to_when_each_answer_is(tmp_path: Path) -> None:
    store = MemorySource(MONDAY, values(keys=2), GAUGE, native=600)
    found, ledger = run(store, tmp_path)
    assert [event.key for event in found.events] == ["k0", "k1"]
    days = sorted({event.start // DAY * DAY for event in found.events})
    assert [row for row in rows(tmp_path) if row[0] in ("rollup", "series")] == [
        ("rollup", iso(MONDAY), iso(END), WEEKS),
        # The two days with a suspect hour, answered from what the roll-ups were made of, and kept together.
        ("series", iso(days[0]), iso(days[1] + DAY), 2),
    ]
    assert [query.window for query in store.asked] == [Window(MONDAY, END)]
    assert (ledger.queries["sent"], ledger.points["read"]) == (1, 2 * WEEKS * 1008)


def test_a_folder_with_a_file_of_somebody_else_is_cleared_of_ours_alone(tmp_path: Path) -> None:
    run(MemorySource(MONDAY, values(), GAUGE, native=600), tmp_path)
    folder = tmp_path / BUFFER_CACHE
    ours = list(folder.rglob("*.slc"))
    theirs = ours[0].parent / "notes.txt"
    theirs.write_text("mine")
    assert AnswerFiles(folder).clear() == len(ours) > 1
    assert [path for path in folder.rglob("*") if path.is_file()] == [theirs]
    assert AnswerFiles(folder).answers() == []


def test_pieces_of_many_answers_are_read_file_by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = AnswerFiles(tmp_path)
    names = [f"{number:02}" for number in range(30)]
    for part in range(3):
        # What was asked for on different days lies in turn.
        files.put([(name, np.full(4, float(name))) for name in names[part::3]], {"kind": "series"})
    read: list[Path] = []
    of_file = np.fromfile

    def spied(path: Path, *args: Any, **given: Any) -> Any:
        read.append(path)
        return of_file(path, *args, **given)

    monkeypatch.setattr(np, "fromfile", spied)
    found = dict(AnswerFiles(tmp_path).each([*names, "another"]))
    assert {name: values.tolist() for name, values in found.items()} == {name: [float(name)] * 4 for name in names}
    assert len(read) == len(set(read)) == 3
    damaged = read[0]
    damaged.write_bytes(damaged.read_bytes()[:-8] + b"12345678")
    again = AnswerFiles(tmp_path)
    assert len(dict(again.each(names))) == 20
    assert again.damaged == [damaged]


def test_an_answer_of_an_older_version_is_still_one_and_a_damaged_one_is_not(tmp_path: Path) -> None:
    values = np.arange(6.0).reshape(2, 3)
    files = AnswerFiles(tmp_path)
    files.put([("piece", values)], {"kind": "series"})
    (path,) = tmp_path.rglob("*.slc")
    body = values.tobytes()
    digest = blake2b(body, digest_size=16).hexdigest()
    header = {"about": {"kind": "series"}, "pieces": [("piece", 0, values.shape)], "digest": digest}
    encoded = json.dumps(header, separators=(",", ":")).encode()
    fixed = struct.pack("<8sI16s", b"slcache2", len(encoded), blake2b(encoded, digest_size=16).digest())
    path.write_bytes(fixed + encoded + body)
    found = AnswerFiles(tmp_path).get("piece")
    assert found is not None
    assert found.tolist() == values.tolist()
    path.write_bytes(fixed + encoded + body[:-1] + b"?")
    again = AnswerFiles(tmp_path)
    assert again.get("piece") is None
    assert again.damaged == [path]


@given(
    keys=st.lists(st.lists(st.text(max_size=4), max_size=3).map(tuple), min_size=1, max_size=4),
    place=st.text(max_size=5),
    spans=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=2).map(tuple),
)
@example([('"keys":null',), ("keys",)], '"keys":null,"spans":null', ((0, 1),))
def test_pieces_that_share_most_are_called_as_each_would_be(
    keys: list[tuple[str, ...]], place: str, spans: tuple[tuple[int, int], ...]
) -> None:
    about = {"store": place, "kind": "series", "metric": {"name": place, "empty": None}, "window": [1, 2]}
    both = piece_hashes(about, ("keys", keys), ("spans", [spans] * len(keys)))
    assert list(both) == [piece_hash({**about, "keys": some, "spans": spans}) for some in keys]
    assert list(piece_hashes(about, ("keys", keys))) == [piece_hash({**about, "keys": some}) for some in keys]


@pytest.mark.parametrize("cached", [False, True])
def test_the_buckets_of_a_block_are_gone_before_those_of_the_next_are_read(cached: bool, tmp_path: Path) -> None:
    held = []

    class Watched(MemorySource):
        def series(self, query: Query) -> Matrix:
            held.append(sum(isinstance(one, KeptBuckets) for one in gc.get_objects()))
            return super().series(query)

    asked = Halving(Watched(MONDAY, values(), GAUGE, native=600))
    reader = CachedBuckets(asked, AnswerFiles(tmp_path), NOW) if cached else Rolled(asked)
    for key in ("k0", "k1"):
        reader.rollup(Query(GAUGE, (key,), Window(MONDAY, MONDAY + DAY), 600))
    assert held == [0, 0]
