"""generate(): a scenario becomes traffic in a store, and the truth about it a file."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from generator.known import KnownLabels, labels_of, note_of
from generator.scenario import Scenario
from generator.world import World
from traffic import truth
from traffic.errors import UsageFailure
from traffic.model import Grid, Kind, Label, Window, week_start
from traffic.store.sinks import FlowSink, LastingSink, Sink

TRUTH = "ground_truth.csv"

_NOTHING: Future[int] = Future()
"""Of what needs no writing: nothing is new."""
_NOTHING.set_result(0)


@dataclass(frozen=True)
class GenerationResult:
    """What a run came to."""

    customers: int
    window: Window
    """What the store holds now; all of it was written."""
    points: int
    """Native steps in it, of all customers, the missing ones included."""
    new: int
    """How many of them the store did not have before."""
    labels: dict[Kind, int]
    identity: str
    """Of what the store holds now; the truth carries it."""
    truth: Path
    seconds: dict[str, float]
    """By stage: making the traffic, waiting until it is stored, finding its labels. Their sum is the run."""


def generate(
    scenario: Scenario,
    sink: Sink,
    now: int,
    output: Path,
    progress: Callable[[int, int], None] | None = None,
    world: World | None = None,
) -> GenerationResult:
    """Fill the scenario's window, and all that lies between it and what the store holds already.

    Weeks that an earlier run completed are left as they are, where the store can tell. Week by week, block by block of
    customers: memory is bounded by a few blocks, those that are being written and the
    one that is made meanwhile. A run that was killed is completed by the next one. `progress` is told how many points
    are done, and of how many. `world` is that of the scenario, where the caller has made and checked it already.

    Raises:
        UsageFailure: the window is empty, or the scenario leaves what can be counted in it.
        StoreError, StorageFailure: what the sink says; the truth is not written then.
    """
    flows = _flow_sink(sink) if scenario.dimensions.enabled else None
    asked = scenario.window.resolve(now, scenario.seconds)
    if world is None:
        world = World(scenario)
        world.check(asked)
    window = sink.begin(asked)
    blocks = sink.blocks(tuple(world.customers))
    points = len(world.customers) * (window.seconds // scenario.seconds)
    # Of what is written while something is made, only the waiting counts.
    seconds = dict.fromkeys(("traffic", "store", "labels", *(("flows",) if flows is not None else ())), 0.0)
    writing: deque[tuple[int, Future[int]]] = deque()
    done = new = 0
    known = _known(sink, world, window)
    made = window.end
    """From when on something was made."""

    def settle(most: int) -> None:
        """Wait until no more than `most` blocks are being written."""
        nonlocal done, new
        with _timed(seconds, "store"):
            while len(writing) > most:
                size, written = writing.popleft()
                new += written.result()
                done += size
                if progress:
                    progress(done, points)

    with ThreadPoolExecutor(sink.writers) as pool:
        for week in window.weeks():
            whole = Grid.over(week, scenario.seconds)
            for keys in blocks:
                size = len(keys) * whole.count
                with _timed(seconds, "traffic"):
                    grid = _missing(sink, world, keys, whole, known)
                    if grid is None:
                        writing.append((size, _NOTHING))
                        continue
                    made = min(made, grid.start)
                    amounts = world.block(keys, grid)
                settle(sink.writers - 1)
                writing.append((size, pool.submit(sink.write, keys, grid, amounts)))
                if flows is not None:
                    with _timed(seconds, "flows"):
                        flows.write_flows(keys, grid, world.flows(keys, grid, amounts), world.mixture.catalogue)
        with _timed(seconds, "labels"):
            labels = _labels(sink, world, window, known, made)
        settle(0)
    with _timed(seconds, "store"):
        identity = sink.finish()
    path = output / TRUTH
    truth.write(path, labels, identity)
    kinds = Counter(label.kind for label in labels)
    return GenerationResult(
        customers=len(world.customers),
        window=window,
        points=points,
        new=new,
        labels=dict(kinds),
        identity=identity,
        truth=path,
        seconds=seconds,
    )


def _known(sink: Sink, world: World, window: Window) -> KnownLabels | None:
    """What an earlier run of this very program found."""
    return labels_of(sink.remembered(), world.scenario.fingerprint, window) if isinstance(sink, LastingSink) else None


def _missing(sink: Sink, world: World, keys: tuple[str, ...], grid: Grid, known: KnownLabels | None) -> Grid | None:
    """What of a week no earlier run completed.

    Of one of another version one key is made again, to see that it would come out the same.
    """
    if not isinstance(sink, LastingSink):
        return grid
    flows = world.scenario.dimensions.enabled
    if known is not None and grid.start < known.end < grid.window.end and not flows:
        before = Grid.over(Window(grid.start, known.end), grid.step)
        if sink.holds(keys, before, None, flows):
            return Grid.over(Window(known.end, grid.window.end), grid.step)
    if not sink.holds(keys, grid, None, flows):
        return grid
    same_program = known is not None and grid.window.end <= known.end
    return None if same_program or sink.holds(keys, grid, world.block(keys[:1], grid)[0], flows) else grid


def _labels(sink: Sink, world: World, window: Window, known: KnownLabels | None, made: int) -> list[Label]:
    """What happened; what an earlier run found is not looked for again where all of its traffic is still there.

    Args:
        made: from when on traffic was made.
    """
    if known is None or week_start(known.end) > made:
        labels = world.labels(window)
    elif known.end == window.end:
        return known.labels
    else:
        labels = [*known.ended, *world.labels(window, known.left)]
    if isinstance(sink, LastingSink):
        sink.remember(note_of(labels, world.scenario.fingerprint, window))
    return labels


def _flow_sink(sink: Sink) -> FlowSink:
    if not isinstance(sink, FlowSink):
        where = "use a folder or an Elasticsearch index with --store, or leave out --flows"
        raise UsageFailure(f"{sink.name} cannot store flow records: {where}")
    return sink


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    begun = perf_counter()
    yield
    seconds[stage] += perf_counter() - begun
