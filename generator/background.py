"""Traffic of a user's own with incidents in it that are known, to see what size of attack would be noticed.

The traffic is read from any store, the incidents have the scenario's shapes, and what they add is a multiple of what
the series usually has at that hour of the week, so that an incident where nothing flows is one as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np

from generator.incident import MARGIN, TrafficIncident
from generator.pipeline import TRUTH, GenerationResult
from generator.rng import Rng
from generator.scenario import Scenario
from traffic import truth
from traffic.errors import UsageFailure
from traffic.filled import MILLIONTH, field_of
from traffic.model import BITS, HOUR, WEEK, Floats, Grid, Ints, Label, Query, Window, week_start
from traffic.store.base import Source, TooLarge
from traffic.store.sinks import Sink
from traffic.truth import label_id

MISSING = -1
LEAST = 3
"""Steps of an incident."""
_SLOTS = WEEK // HOUR
_MOST = 2.0**53


@dataclass(frozen=True)
class Put:
    """What is put into the traffic."""

    sizes: tuple[float, ...] = (1.2, 1.5, 2.0, 3.0, 5.0, 10.0)
    """In times of what the series usually has."""
    lengths: tuple[int, ...] = (300, 900, 3600)
    """Seconds."""
    per_week: float = 3.0
    """Incidents in a week of each series."""

    def __post_init__(self) -> None:
        for size in self.sizes:
            if not 1 < size <= 1e6:
                raise UsageFailure(f"--sizes {size:g}: must be larger than 1 (times the usual)")
        for length in self.lengths:
            if not 60 <= length <= WEEK // 7:
                raise UsageFailure(f"--lengths {length}s: must be from 1m to 1d")
        if not 0 < self.per_week <= 50:
            raise UsageFailure(f"--per-week {self.per_week:g}: must be above 0 and at most 50")


class Background:
    """A user's traffic, as it is read and as it is written."""

    def __init__(self, source: Source, scenario: Scenario, put: Put, start: int | None, end: int | None) -> None:
        """Look at what there is.

        Raises:
            UsageFailure: there is nothing in that time.
        """
        self.source, self._scenario, self._put = source, scenario, put
        self.step = _step(source)
        extent = source.extent(start, self.step)
        first, last = (extent.start if start is None else start), (extent.end if end is None else end)
        self.window = Window(first, max(first, last)).widen(HOUR).clip(extent.widen(HOUR))
        if self.window.seconds <= 0:
            raise UsageFailure(f"{source.name} has no data in that time: change --start or --end")
        spans = source.keys(self.window)
        if not spans:
            raise UsageFailure(f"{source.name} has no series with data in that time")
        self.spans = {key: spans[key] for key in sorted(spans)}

    @property
    def field(self) -> str:
        """What is written: bytes of bits a second, else millionths, as a store of ours holds whole numbers."""
        return field_of(self.source.metric)

    @property
    def fingerprint(self) -> str:
        """A hash of whose traffic it is, and of what is put into it."""
        told = (self.source.fingerprint(self.window), self.source.metric, self._put, self._scenario.seed, self.step)
        forms = vars(self._scenario.events.shapes)
        return blake2b(repr((told, forms)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    @property
    def _is_rate(self) -> bool:
        return self.source.metric.unit == BITS.unit

    def read(self, keys: tuple[str, ...], window: Window) -> Floats:
        """The values of some keys, shape (keys, steps), NaN = missing."""
        grid = Grid.over(window, self.step)
        found = np.full((len(keys), grid.count), np.nan)
        for rows, part in self._requests(len(keys), window):
            some = keys[rows]
            found[rows, grid.slice(part)] = self._series(Query(self.source.metric, some, part, self.step))
        if self.source.metric.empty == "zero":
            # What is missing between a series' first and last value is nothing.
            for row, key in enumerate(keys):
                own = found[row, grid.slice(self.spans[key].widen(self.step).clip(window))]
                own[np.isnan(own)] = 0.0
        if (found < 0).any():
            raise UsageFailure(f"{self.source.name} contains values below 0, which cannot be stored")
        return found

    def _requests(self, keys: int, window: Window) -> Iterator[tuple[slice, Window]]:
        limits = self.source.limits(self.step)
        seconds = min(window.seconds, limits.seconds or window.seconds, WEEK)
        together = max(
            1, min(keys, limits.keys or keys, (limits.buckets or limits.points) // (seconds // self.step + 1))
        )
        for first in range(0, keys, together):
            for start in range(window.start, window.end, seconds):
                yield slice(first, first + together), Window(start, min(start + seconds, window.end))

    def _series(self, query: Query) -> Floats:
        """The values of a request, in halves where the store finds it too large."""
        try:
            return self.source.series(query).values
        except TooLarge:
            if query.window.seconds <= HOUR:
                raise
            middle = query.window.start + max(HOUR, query.window.seconds // 2 // HOUR * HOUR)
            parts = (Window(query.window.start, middle), Window(middle, query.window.end))
            return np.concatenate(
                [self._series(Query(query.metric, query.keys, part, query.resolution)) for part in parts], axis=1
            )

    @property
    def scale(self) -> float:
        """What values are multiplied with to be whole numbers: bytes of a step, or millionths."""
        return self.step / 8 if self._is_rate else 1 / MILLIONTH

    def incidents(self, key: str, there: Window) -> Iterator[TrafficIncident]:
        """What happens to a key, none within three hours of another: each size with each length in turn."""
        forms = vars(self._scenario.events.shapes)
        names = list(forms)
        weights = [form.weight for form in forms.values()]
        order = Rng(self._scenario.seed, "background", 0, key)
        # Of fewer than three steps nobody can say that they had to be seen.
        lengths = sorted({max(length // self.step, LEAST) for length in self._put.lengths})
        kinds = [one for _, one in sorted((order.word(), one) for one in product(self._put.sizes, lengths))]
        number, taken = 0, list[Window]()
        for week in range(week_start(there.start), there.end, WEEK):
            rng = Rng(self._scenario.seed, "background", week, key)
            wanted = int(self._put.per_week + rng.unit())
            for _ in range(wanted):
                size, steps = kinds[number % len(kinds)]
                at = week + self.step * rng.whole(0, WEEK // self.step - 1)
                shape, turn = names[rng.index(weights)], round(rng.real(0.3, 0.7), 2)
                step = self.step // 60
                minutes = steps * step
                pulse, pause = step * rng.whole(3, 6), step * rng.whole(2, 5)
                one = TrafficIncident(at, minutes, shape, size, turn=turn, pulse=pulse, pause=pause)
                wide = Window(one.start - MARGIN, one.window.end + MARGIN)
                inside = one.start >= there.start and one.window.end <= there.end
                if inside and not any(wide.overlap(other) for other in taken):
                    taken.append(one.window)
                    number += 1
                    yield one

    def put_in(self, values: Floats, key: str, window: Window) -> list[Label]:
        """Put the incidents of a key into its values, shape (steps,) of `window`; the labels of what was put in."""
        present = np.flatnonzero(~np.isnan(values))
        if not len(present):
            return []
        there = Window(window.start + int(present[0]) * self.step, window.start + (int(present[-1]) + 1) * self.step)
        usual, labels = self._usual(values, window), []
        judged = window.start + round(self._scenario.required.history_weeks * WEEK)
        for one in self.incidents(key, there):
            first = (one.start - window.start) // self.step
            factors = one.factors()
            whole = np.ones(-(-len(factors) * 60 // self.step) * self.step // 60)
            whole[: len(factors)] = factors
            times = whole.reshape(-1, self.step // 60).mean(axis=1)
            added = (times - 1) * usual[first : first + len(times)]
            if not (added > 0).any() or np.isnan(values[first : first + len(added)]).any():
                # Nothing was usual there, or it cannot be seen.
                continue
            values[first : first + len(added)] += added
            labels.append(
                Label(
                    id=label_id(key, one.shape, one.start),
                    key=key,
                    start=one.start,
                    end=one.start + len(added) * self.step,
                    shape=one.shape,
                    factor=one.factor,
                    direction="above",
                    kind="required" if one.start >= judged else "optional",
                )
            )
        return labels

    def _usual(self, values: Floats, window: Window) -> Floats:
        """What the series has at each step's hour of the week: the median over the weeks of the hours' means."""
        per_hour = HOUR // self.step
        hours = values.reshape(-1, per_hour)
        count = (~np.isnan(hours)).sum(axis=1)
        means = np.divide(np.nansum(hours, axis=1), count, out=np.full(len(hours), np.nan), where=count > 0)
        slots = (window.start // HOUR + np.arange(len(means))) % _SLOTS
        usual = np.zeros(_SLOTS)
        for slot in range(_SLOTS):
            own = means[slots == slot]
            known = own[~np.isnan(own)]
            usual[slot] = np.median(known) if len(known) else 0.0
        found: Floats = np.repeat(usual[slots], per_hour)
        return found


def put_into(
    background: Background, sink: Sink, output: Path, progress: Callable[[int, int], None] | None = None
) -> GenerationResult:
    """Copy the traffic to a store of ours, with incidents in it, and write down which.

    Block by block of keys, each over the whole time: what is usual is known only then.

    Raises:
        UsageFailure: the traffic cannot be held as whole numbers of 0 or more.
        StoreError, StorageFailure: what source and sink say; the truth is not written then.
    """
    window = sink.begin(background.window)
    seconds = dict.fromkeys(("traffic", "store", "labels"), 0.0)
    labels: list[Label] = []
    done = new = 0
    points = len(background.spans) * (window.seconds // background.step)
    for keys in sink.blocks(tuple(background.spans)):
        begun = perf_counter()
        values = background.read(keys, window)
        seconds["traffic"] += perf_counter() - begun
        begun = perf_counter()
        for row, key in enumerate(keys):
            labels += background.put_in(values[row], key, window)
        seconds["labels"] += perf_counter() - begun
        begun = perf_counter()
        amounts = _whole(values * background.scale)
        for week in window.weeks():
            grid = Grid.over(week, background.step)
            new += sink.write(keys, grid, amounts[:, Grid.over(window, background.step).slice(week)])
        seconds["store"] += perf_counter() - begun
        done += amounts.size
        if progress:
            progress(done, points)
    identity = sink.finish()
    path = output / TRUTH
    truth.write(path, labels, identity)
    return GenerationResult(
        customers=len(background.spans),
        window=window,
        points=points,
        new=new,
        labels=dict(Counter(label.kind for label in labels)),
        identity=identity,
        truth=path,
        seconds=seconds,
    )


def _step(source: Source) -> int:
    """Whole minutes that divide an hour, no finer than the data's own step."""
    own = max(60, source.step() or 60)
    possible = [seconds for seconds in range(60, HOUR + 1, 60) if HOUR % seconds == 0 and seconds >= own]
    return next((seconds for seconds in possible if seconds % own == 0 or not source.metric.adds_up), HOUR)


def _whole(values: Floats) -> Ints:
    missing = np.isnan(values)
    if (values[~missing] > _MOST).any():
        raise UsageFailure(f"a value is more than can be counted exactly ({_MOST:.0e}): divide all by --scale")
    amounts: Ints = np.rint(np.where(missing, MISSING, values)).astype(np.int64)
    return amounts
