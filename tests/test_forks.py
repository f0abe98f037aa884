"""Blocks that forks of the run judge: the same results, whatever becomes of the forks."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analyzer import pipeline
from analyzer.forks import made_of
from analyzer.judging.detect import Found, find_events
from analyzer.model import Findings, Policy
from analyzer.pipeline import BUFFER_LOG, Ledger, Search, discover
from analyzer.reading.scope import BUFFER_CACHE, Scope
from tests.commands import ROOT, sl, well
from tests.faults.kills import killed_runs
from traffic.disk import lock
from traffic.errors import LockedFailure, UsageFailure
from traffic.model import WEEK
from traffic.store import open_source
from traffic.truth import read as read_truth

RUN = os.getpid()
ITEMS = range(7)


def squared(item: int) -> tuple[int, int]:
    return item * item, os.getpid()


def test_items_are_shared_among_forks_and_come_back_in_their_order() -> None:
    def slow_at_first(item: int) -> tuple[int, int]:
        time.sleep(0.2 if item == 0 else 0)
        return squared(item)

    found = list(made_of(ITEMS, slow_at_first, forks=2))
    assert [made for (made, _), _ in found] == [item * item for item in ITEMS]
    assert all(by_fork and process != RUN for (_, process), by_fork in found)
    assert len({process for (_, process), _ in found}) == 2


@pytest.mark.parametrize(("items", "forks"), [(ITEMS, 0), (ITEMS, 1), (range(1), 2), (range(0), 2)])
def test_a_single_item_or_no_fork_is_for_the_run_itself(items: range, forks: int) -> None:
    assert list(made_of(items, squared, forks)) == [((item * item, RUN), False) for item in items]


def killed(item: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def failed(item: int) -> None:
    raise ValueError(item)


def not_pickled(item: int) -> Callable[[], int]:
    return lambda: item


@pytest.mark.parametrize("fault", [killed, failed, not_pickled])
@pytest.mark.parametrize("at", [{0}, {3}, {0, 1}, {5, 6}, set(ITEMS)])
def test_what_a_fork_does_not_finish_the_run_does(fault: Callable[[int], object], at: set[int]) -> None:
    def make(item: int) -> object:
        if item in at and os.getpid() != RUN:
            return fault(item)
        return squared(item)

    found = list(made_of(ITEMS, make, forks=2))
    assert [made[0] for made, _ in found if isinstance(made, tuple)] == [item * item for item in ITEMS]
    assert not any(by_fork for item, (_, by_fork) in zip(ITEMS, found, strict=True) if item in at)


def test_an_error_is_raised_by_the_run_as_it_was_made() -> None:
    def make(item: int) -> tuple[int, int]:
        if item == 4:
            raise UsageFailure("item 4 is not valid")
        return squared(item)

    making = made_of(ITEMS, make, forks=2)
    found = [next(making)[0][1] for _ in range(4)]
    with pytest.raises(UsageFailure, match="item 4 is not valid"):
        next(making)
    for process in found:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_a_run_that_stops_taking_leaves_no_process_behind() -> None:
    making = made_of(ITEMS, squared, forks=2)
    (_, process), _ = next(making)
    os.kill(process, 0)
    making.close()  # type: ignore[attr-defined]
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


ENDLESS = r"""
import os, time
from analyzer.forks import made_of
def make(item):
    os.write(1, f"{os.getpid()}\n".encode())
    time.sleep(600)
list(made_of([1, 2], make, forks=2))
"""


def test_forks_die_with_a_run_that_is_killed() -> None:
    process = subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    forks = [int(process.stdout.readline()) for _ in range(2)]
    process.kill()
    process.wait()
    until = time.monotonic() + 30
    while any(Path(f"/proc/{fork}/cmdline").exists() and _alive(fork) for fork in forks):
        assert time.monotonic() < until
        time.sleep(0.01)
    process.stdout.close()


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_fork_holds_no_lock(tmp_path: Path) -> None:
    begun, said = os.pipe()
    with lock(tmp_path):
        fork = os.fork()
        if not fork:
            os.write(said, b"!")
            signal.pause()
            os._exit(0)
        os.read(begun, 1)
        with pytest.raises(LockedFailure), lock(tmp_path):
            pass
    try:
        with lock(tmp_path):
            pass
    finally:
        os.kill(fork, signal.SIGKILL)
        os.waitpid(fork, 0)
        os.close(begun)
        os.close(said)


KEYS = 150
"""So many are four blocks of keys."""
TIMES = ("--start", "2026-09-07", "--end", "2026-10-05")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    well(sl("generate", "--store", "traffic", "--output", ".", "--customers", str(KEYS), *TIMES, cwd=folder))
    store = ("--store", "traffic", "--resolution", "10m")
    well(sl("export", *store, "--file", "flows.csv", cwd=folder))
    return folder


def found_in(world: Path, store: str, output: Path, forks: int) -> tuple[Findings, Ledger]:
    source, ledger = open_source(str(world / store)), Ledger()
    labels, _ = read_truth(world / "ground_truth.csv")
    job = Search(output, Policy(over_percent=100), Scope(600, source.extent(None, 600).end + WEEK), forks=forks)
    return discover(source, job, labels, ledger, lambda _done, _total: None), ledger


@pytest.mark.parametrize("store", ["traffic", "flows.csv"])
def test_forks_find_what_the_run_alone_finds_and_ask_and_keep_the_same(
    store: str, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, cost = found_in(world, store, tmp_path / "alone", 0)
    assert len(alone.events) > 200
    monkeypatch.setattr(pipeline, "find_events", of_forks_only(find_events))
    forked, beside = found_in(world, store, tmp_path / "forked", 2)
    for name in ("events", "not_judged", "suppressed", "verdict", "coverage", "incidents"):
        assert getattr(forked, name) == getattr(alone, name), name
    assert [pickle.dumps(trace) for trace in forked.traces] == [pickle.dumps(trace) for trace in alone.traces]
    assert (beside.queries, beside.points) == (cost.queries, cost.points)
    kept = {
        folder: {path.name: path.read_bytes() for path in (tmp_path / folder / BUFFER_CACHE).rglob("*.slc")}
        for folder in ("alone", "forked")
    }
    assert kept["alone"] == kept["forked"]
    logs = [json.loads((tmp_path / folder / BUFFER_LOG).read_bytes()) for folder in ("alone", "forked")]
    assert logs[0] == logs[1]


def of_forks_only(function: Callable[..., Found]) -> Callable[..., Found]:
    def find(*given: Any, **named: Any) -> Found:
        assert os.getpid() != RUN
        return function(*given, **named)

    return find


def test_what_a_fork_finds_damaged_is_said_and_asked_again(world: Path, tmp_path: Path) -> None:
    first, _ = found_in(world, "traffic", tmp_path, 2)
    for path in (tmp_path / BUFFER_CACHE).rglob("*.slc"):
        whole = bytearray(path.read_bytes())
        whole[-1] ^= 1
        path.write_bytes(whole)
    again, ledger = found_in(world, "traffic", tmp_path, 2)
    assert again.events == first.events
    assert ledger.damaged > 4
    assert ledger.queries["sent"] >= 4
    _, then = found_in(world, "traffic", tmp_path, 2)
    assert (then.damaged, then.queries["sent"]) == (0, 0)


def test_a_run_whose_forks_were_killed_with_it_goes_on_and_asks_for_nothing_again(world: Path, tmp_path: Path) -> None:
    labels = ("--truth", world / "ground_truth.csv", "--charts", "2", "--no-html", "-q")
    command = ("discover", "--store", world / "traffic", "--resolution", "10m", *labels)
    found = killed_runs(command, tmp_path / "run", 4)
    assert (found.tried, found.wrong) == (4, [])
    assert any(outcome.startswith("killed") for outcome in found.became)
