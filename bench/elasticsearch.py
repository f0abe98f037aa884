"""A real node: loading beside helpers.bulk, discover beside reading every minute, bytes on disk."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

import numpy as np
from elasticsearch import Elasticsearch, helpers

from analyzer.model import Findings, Policy
from analyzer.pipeline import Ledger, Search, discover
from analyzer.reading.scope import Scope
from bench.bare import note, send
from bench.paired import HEADER, Ratio, in_turn, seconds
from bench.store import amounts
from tests.elasticsearch.home import prepare
from tests.elasticsearch.node import Cluster
from traffic.model import BITS, WEEK, Grid, Window, week_start
from traffic.store import open_sink, open_source
from traffic.store.elastic.senders import AT_ONCE

KEYS, WEEKS = 32, 6
LOADED = 24
"""Keys of a week in the paired loads: few enough that helpers.bulk comes to an end."""
START = week_start(int(datetime(2026, 9, 7, tzinfo=UTC).timestamp()))
ROUNDS = 3


def load(name: str, keys: int, weeks: int) -> None:
    """As `generate` loads it, verified."""
    sink = open_sink(name, BITS.field, 60, "bench", keys, replace=True)
    window = sink.begin(Window(START, START + weeks * WEEK))
    names = tuple(f"customer-{number:04d}" for number in range(keys))
    for week, part in enumerate(window.weeks()):
        values, grid = values_of(keys, week), Grid.over(part, 60)
        with ThreadPoolExecutor(sink.writers) as pool:
            written = [
                pool.submit(sink.write, block, grid, values[[names.index(key) for key in block]])
                for block in sink.blocks(names)
            ]
        for one in written:
            one.result()
    sink.finish()


def values_of(keys: int, week: int) -> np.ndarray:
    """Amounts of so many keys and a week, shape (keys, minutes), some with an event in them."""
    found = amounts(keys, week)
    rng = np.random.default_rng(week)
    for row in range(0, keys, 3):
        at = int(rng.integers(0, found.shape[1] - 30))
        found[row, at : at + 30] *= 8
    return found


def documents(index: str) -> Iterator[dict]:
    """The same documents, for helpers.bulk."""
    values = values_of(LOADED, 0)
    for row in range(LOADED):
        for step, value in enumerate(values[row].tolist()):
            yield {
                "_op_type": "create",
                "_index": index,
                "@timestamp": (START + 60 * step) * 1000,
                "organization.name": f"customer-{row:04d}",
                "network.bytes": value,
            }


class Minutes:
    """A store that makes no roll-ups: every minute is asked for."""

    def __init__(self, name: str) -> None:
        self._store = open_source(name)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def rolls_up(self, _resolution: int) -> bool:
        return False


def found(store: object, output: Path, concurrency: int) -> Findings:
    """The search alone, without pictures and tables."""
    job = Search(output, Policy(), Scope(60, START + 60 * WEEK, concurrency=concurrency), charts=0)
    return discover(store, job, None, Ledger(), lambda _done, _total: None)  # type: ignore[arg-type]


def report() -> str:
    """The section of docs/benchmarks.md."""
    with TemporaryDirectory() as temporary, Cluster(prepare("9.5.3"), heap="2g", quick=False) as cluster:
        folder, number = Path(temporary), count()
        client = Elasticsearch(cluster.url)

        def ours() -> None:
            load(f"{cluster.url}/ours", LOADED, 1)

        def theirs() -> None:
            # The same kind of index: made by our sink, which leaves it empty.
            open_sink(f"{cluster.url}/theirs", BITS.field, 60, "bench", LOADED, replace=True).begin(
                Window(START, START + WEEK)
            )
            (index,) = client.indices.get_alias(name="theirs")
            helpers.bulk(client, documents(index), chunk_size=5_000)
            client.indices.refresh(index="theirs")

        # By the clock, and in processor seconds: these do not depend on what else the machine does.
        clocks = (time.perf_counter, partial(_processor, cluster.nodes[0].pid))
        ours()
        # Of a load that replaces one, as all that are measured.
        bodies = note(cluster.url, lambda url: load(f"{url}/ours", LOADED, 1))
        loading = in_turn(clocks, (ours, theirs, lambda: send(cluster.url, bodies, AT_ONCE)), ROUNDS)
        for name in ("ours", "theirs"):
            cluster.drop(name)
        name = f"{cluster.url}/traffic"
        load(name, KEYS, WEEKS)
        client.options(request_timeout=600).indices.forcemerge(index="traffic", max_num_segments=1, flush=True)
        size = _size(cluster.url)

        def run(store: Callable[[], object], concurrency: int) -> Findings:
            return found(store(), folder / str(next(number)), concurrency)

        fast = run(lambda: open_source(name), 2)
        slow = run(lambda: Minutes(name), 1)
        if fast.events != slow.events:
            _same(fast, slow)
        searches = note(cluster.url, lambda url: run(lambda: open_source(f"{url}/traffic"), 2))
        reading = in_turn(
            clocks,
            (
                lambda: run(lambda: open_source(name), 2),
                lambda: run(lambda: Minutes(name), 1),
                lambda: send(cluster.url, searches, 2),
            ),
            ROUNDS,
        )
        kept = folder / "kept"
        first = seconds(lambda: found(open_source(name), kept, 2))
        again = [seconds(lambda: found(open_source(name), kept, 2)) for _ in range(ROUNDS)]
    total = KEYS * WEEKS * WEEK // 60
    return "\n".join(
        [
            "Elasticsearch 9.5.3 with 2 GiB, on the same cores as we are. Loading, and verifying:",
            f"{LOADED} keys x 1 week x 1 min ({LOADED * WEEK // 60:,} documents); helpers.bulk sends 5,000 at once.",
            f"Discover, without starting up and drawing: {KEYS} keys x {WEEKS} weeks x 1 min ({total / 1e6:.1f} M",
            f"documents, **{size / total:.1f} bytes each on disk**), {len(fast.events)} events, the same both ways.",
            "",
            HEADER,
            *_rows(
                loading,
                ("loading, helpers.bulk", "9/10 of the most"),
                f"the bodies of `generate`, made before, {AT_ONCE} at once: helpers.bulk",
            ),
            *_rows(
                reading,
                ("discover, all minutes by one request at a time", "3/4 of the most"),
                "the requests of `discover`, answers unread, 2 at once: all minutes",
            ),
            Ratio(tuple(again), (first,) * ROUNDS).row("discover again with nothing new, the first run", "goal 6x"),
            "",
        ]
    )


def _rows(times: list[list[tuple[float, ...]]], asked: tuple[str, str], most: str) -> list[str]:
    """Ours and the requests of ours alone, each beside theirs, by both clocks.

    Args:
        times: by clock and way: ours, theirs, and the requests.
        asked: what is compared, and what is asked of it.
        most: what the requests alone are called.
    """
    processor = ("... in processor seconds, the node's too", "")
    of_ours = [
        Ratio(ours, theirs).row(*named) for (ours, theirs, _), named in zip(times, (asked, processor), strict=True)
    ]
    named = ((most, "the most"), processor)
    return of_ours + [Ratio(bare, theirs).row(*one) for (_, theirs, bare), one in zip(times, named, strict=True)]


def _processor(pid: int) -> float:
    """Seconds that processors worked for this process and for another one."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def _size(url: str) -> int:
    with urlopen(f"{url}/traffic/_stats/store?filter_path=_all.primaries.store.size_in_bytes") as answer:
        return int(json.load(answer)["_all"]["primaries"]["store"]["size_in_bytes"])


def _same(a: Findings, b: Findings) -> None:
    """Percentiles that two programs add up may differ in the last bit; events may not."""
    shape = [[(e.key, e.start, e.end, e.detected, e.peak) for e in one.events] for one in (a, b)]
    if shape[0] != shape[1]:
        raise SystemExit("The two do not find the same events. No ratio.")
