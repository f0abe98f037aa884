"""Bytes of kept answers that are other ones, and disks that are full."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np

from analyzer.model import Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.cache import AnswerFiles
from analyzer.reading.scope import BUFFER_CACHE, Scope
from tests.commands import sl, well
from tests.faults.kills import tables, world
from tests.faults.outcomes import Outcomes
from tests.required import mounted
from tests.test_reading_cache import GAUGE, NOW, values
from tests.worlds import MONDAY, MemoryRollups
from traffic.model import Floats


def damaged_bytes(folder: Path, count: int, seed: int = 4) -> Outcomes:
    """A byte of a kept answer is another one: it is a miss, or what it was; a search on top of it finds the same.

    Every byte of the first header is tried, then bytes drawn at random; of every hundredth the whole search.
    """
    found = Outcomes("a byte of a kept answer changed (every byte of the first 64, then at random)")
    store = MemoryRollups(MONDAY, values(), GAUGE, native=600)
    search = Search(folder, Policy(), Scope(600, NOW))
    truth = discover(store, search, None, Ledger(), lambda _done, _all: None)
    files = sorted((folder / BUFFER_CACHE).rglob("*.slc"))
    contents = {path: path.read_bytes() for path in files}
    names = _names(folder)
    before = _pieces(folder, names)
    rng = random.Random(seed)
    for number in range(count):
        path = files[number % len(files)]
        content = bytearray(contents[path])
        at = number // len(files) if number // len(files) < 64 else rng.randrange(len(content))
        content[at] ^= rng.randrange(1, 256)
        path.write_bytes(content)
        wrong = ""
        for name, now in _pieces(folder, names).items():
            if now is not None and not _same(now, before[name]):
                wrong = f"{path.name} byte {at}: another answer"
        missed = any(piece is None for piece in _pieces(folder, names).values())
        if not number % 100:
            again = discover(store, search, None, Ledger(), lambda _done, _all: None)
            if (again.events, again.not_judged) != (truth.events, truth.not_judged):
                wrong += f" {path.name} byte {at}: other events"
        path.write_bytes(contents[path])
        found.add("a miss" if missed else "no part of any answer", wrong)
    return found


def _names(folder: Path) -> list[str]:
    return sorted(AnswerFiles(folder / BUFFER_CACHE)._locations)


def _same(one: Floats, other: Floats | None) -> bool:
    return other is not None and np.array_equal(one, other, equal_nan=True)


def _pieces(folder: Path, names: list[str]) -> dict[str, Floats | None]:
    files = AnswerFiles(folder / BUFFER_CACHE)
    return {name: files.get(name) for name in names}


def full_disks(folder: Path, step: int = 64, most: int = 100) -> Outcomes:
    """A disk that is `step` KiB larger each time, until a run fits: before that 7, a line, and nothing half-written."""
    found = Outcomes(f"discover onto a full disk, {step} KiB more each time until it fits")
    command = world(folder, customers=3, charts=0)
    calm = folder / "calm"
    well(sl(*command, "--output", calm))
    expected = tables(calm)
    for number in range(1, most + 1):
        with mounted(folder / "small", f"size={number * step}k,mode=777") as disk:
            answer = sl(*command, "--output", disk / "run")
            done = answer.code == 0
            wrong = "" if answer.code in (0, 7) else f"{number * step} KiB: exit {answer.code}: {answer.err[:200]}"
            if done and tables(disk / "run") != expected:
                wrong += f" {number * step} KiB: other tables"
            if not done and len(answer.err.splitlines()) != 1:
                wrong += f" {number * step} KiB: {answer.err[:200]}"
            if list((disk / "run").rglob(".sl-*.tmp")):
                wrong += f" {number * step} KiB: temporary files stay"
        found.add("complete" if done else "exit 7, one line", wrong)
        if done:
            break
    shutil.rmtree(calm)
    return found
