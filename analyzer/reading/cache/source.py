"""A Source wrapped round a Source: the same answers, and none of them paid for twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import reduce
from itertools import islice
from typing import Any

import numpy as np

from analyzer.reading.cache.answer_files import AnswerFiles, readable
from analyzer.reading.cache.coded import decode_coverage, decode_keys, encode_coverage, encode_keys
from analyzer.reading.cache.gaps import Gap, Reader
from analyzer.reading.cache.names import piece_hash, piece_hashes
from traffic.coverage import Coverage
from traffic.model import DAY, HOUR, HOUR_FIELDS, WEEK, Floats, Grid, Hours, Matrix, Query, Rollup, Window, week_start
from traffic.store.base import Limits, RankedSource, SizedSource

FORMAT = 3
"""Counts up when the meaning of a stored array changes; older entries are then misses."""

USUAL = 95.0
"""The percentile of a roll-up whose piece does not say it in its name."""

EVER = Window(0, 2**33)
"""All of time that traffic is looked for in (to the year 2242)."""


class CachedSource:
    """Answers from files what it can, asks for the rest, and commits each answer before it hands it on.

    Roll-ups are kept per (block of keys, week), buckets per (key, day), on absolute borders, so that tomorrow's window
    finds today's pieces. The open week is kept by days and its last day by hours. What may still change (its end plus
    the store's settling time lies ahead of `now`) is not kept.
    """

    def __init__(self, source: Reader, files: AnswerFiles, now: int) -> None:
        self._source = source
        self._store = source.store
        self._files = files
        self._now = now
        self._fingerprints: dict[Window, str] = {}
        self._spans: Mapping[str, Window] = {}
        self.name = source.store.name
        self._place = source.store.place()
        self.metric = source.store.metric
        self._metric = asdict(self.metric)
        self.settling = source.store.settling
        self.cached = 0
        """Pieces that were answered from files."""

    def limits(self, resolution: int) -> Limits:
        """As the store says."""
        return self._store.limits(resolution)

    def extent(self, since: int | None, resolution: int) -> Window:
        """As the store says; kept only where the fingerprint tells of any change: there it does not depend on these."""
        if self.settling is not None:
            return self._store.extent(since, resolution)
        about = self._about("extent", EVER)
        if (kept := self._files.get(piece_hash(about))) is not None:
            self.cached += 1
            return Window(int(kept[0]), int(kept[1]))
        extent = self._store.extent(since, resolution)
        self._files.put([(piece_hash(about), np.array([extent.start, extent.end]))], readable(about))
        return extent

    def coverage(self, window: Window, reach: Window, only: Sequence[str] | None = None) -> Coverage:
        """As the store says; kept where it would have to be read as a whole to be counted."""
        if self.settling is not None or not isinstance(self._store, SizedSource):
            return self._store.coverage(window, reach, only)
        # It says what its files are called.
        about = self._about("coverage", window) | {"name": self.name} | ({} if only is None else {"keys": only})
        if (kept := self._files.get(piece_hash(about))) is not None:
            self.cached += 1
            return decode_coverage(kept)
        found = self._store.coverage(window, reach, only)
        self._files.put([(piece_hash(about), encode_coverage(found))], readable(about))
        return found

    def kept_texts(
        self,
        kind: str,
        windows: Sequence[Window],
        asked: Sequence[Mapping[str, Any]],
        make: Callable[[Sequence[int]], Iterator[str]],
        together: int,
    ) -> list[str]:
        """What is found of the store, kept like any other answer: a text for each of what is asked.

        Args:
            kind: of answer.
            windows: of each the time that the store is looked at.
            asked: what besides these each depends on.
            make: finds those that are not kept, given their places in `asked`.
            together: so many are committed at once.
        """
        # By whole weeks: what the store holds there is looked up once for all that lie in them.
        abouts = [self._about(kind, _whole_weeks(window)) for window in windows]
        names = [piece_hash({**about, "asked": one}) for about, one in zip(abouts, asked, strict=True)]
        kept = [self._files.get(name) for name in names]
        found = ["" if one is None else one.astype(np.uint8).tobytes().decode() for one in kept]
        missing = [place for place, one in enumerate(kept) if one is None]
        self.cached += len(asked) - len(missing)
        made: list[tuple[str, Floats]] = []
        for count, (place, text) in enumerate(zip(missing, make(missing) if missing else (), strict=True), 1):
            found[place] = text
            if self._sealed(windows[place]):
                made.append((names[place], np.frombuffer(text.encode(), dtype=np.uint8).astype(np.float64)))
            if made and (len(made) == together or count == len(missing)):
                self._files.put(made, {**readable(abouts[place]), "pieces": len(made)})
                made = []
        return found

    def fingerprint(self, window: Window) -> str:
        """As the source says; asked once a run, so that all answers of a run belong to one state of the store."""
        if window not in self._fingerprints:
            self._fingerprints[window] = self._store.fingerprint(window)
        return self._fingerprints[window]

    def keys(self, window: Window) -> Mapping[str, Window]:
        """As the source says, kept like any other answer."""
        about = self._about("keys", window)
        name = piece_hash(about)
        if (kept := self._files.get(name)) is not None:
            self.cached += 1
            self._spans = decode_keys(kept)
            return self._spans
        self._spans = self._store.keys(window)
        if self._sealed(window):
            self._files.put([(name, encode_keys(self._spans))], {**readable(about), "keys": len(self._spans)})
        return self._spans

    def largest(self, window: Window, most: int) -> list[str] | None:
        """As the source says, kept like any other answer; None where it cannot tell."""
        if not isinstance(self._store, RankedSource):
            return None
        name = piece_hash({**self._about("largest", window), "most": most})
        if (kept := self._files.get(name)) is not None:
            self.cached += 1
            return list(decode_keys(kept))
        found = self._store.largest(window, most)
        if self._sealed(window):
            about = {**readable(self._about("largest", window)), "keys": len(found)}
            self._files.put([(name, encode_keys(dict.fromkeys(found, window)))], about)
        return found

    def rollup(self, query: Query) -> Rollup:
        """As the source says, in pieces of (these keys, week)."""
        grid = Grid.over(query.window, HOUR)
        # The hours, and last the rows that fell into them, where the store says how many.
        result = np.full((len(HOUR_FIELDS) + 1, len(query.keys), grid.count), np.nan)
        missing: list[Window] = []
        for piece in self._rollup_pieces(query.window):
            kept = self._files.get(self._piece("rollup", query, piece)) if self._sealed(piece) else None
            if kept is None:
                missing.append(piece)
            else:
                self.cached += 1
                result[: len(kept), :, grid.slice(piece)] = kept
        for group in self._requests(missing, query):
            whole = Window(group[0].start, group[-1].end)
            answer = self._source.rollup(replace(query, window=whole))
            stacked = np.stack([*answer.hours, *(() if answer.rows is None else (answer.rows,))])
            result[: len(stacked), :, grid.slice(whole)] = stacked
            self._commit(
                "rollup",
                query,
                whole,
                [
                    (self._piece("rollup", query, piece), stacked[..., answer.grid.slice(piece)])
                    for piece in group
                    if self._sealed(piece)
                ],
            )
        *hours, rows = result
        said = None if np.isnan(rows).any() else rows.astype(np.uint32)
        return Rollup(query.keys, grid, Hours.of(hours), said)

    def unanswered(self, query: Query) -> list[Query]:
        """The roll-ups of a query that the source would be asked for."""
        missing = [
            piece
            for piece in self._rollup_pieces(query.window)
            if not self._sealed(piece) or self._piece("rollup", query, piece) not in self._files
        ]
        found = self._requests(missing, query)
        return [replace(query, window=Window(group[0].start, group[-1].end)) for group in found]

    def unanswered_series(self, queries: Sequence[Query]) -> list[Query]:
        """The buckets of some queries that the source would be asked for."""
        found = []
        for query in queries:
            grid = Grid.over(query.window, query.resolution)
            gaps = self._gaps([(query, grid, np.empty((len(query.keys), grid.count)))])
            found += [gap.asked for gap in gaps if not self._source.holds(gap.asked)]
        return found

    def series(self, query: Query) -> Matrix:
        """As the source says, in pieces of (key, day)."""
        return self.series_many([query])[0]

    def series_many(self, queries: Sequence[Query]) -> list[Matrix]:
        """Several `series` at once.

        Each answer is committed before the next request goes to the store. Those that came together are committed
        together: a block of keys has a suspect hour on nearly every day.
        """
        grids = [Grid.over(query.window, query.resolution) for query in queries]
        results = [np.full((len(query.keys), grid.count), np.nan) for query, grid in zip(queries, grids, strict=True)]
        gaps = self._gaps(list(zip(queries, grids, results, strict=True)))
        rest = iter(gaps)
        for answers in self._source.series_many([gap.asked for gap in gaps]):
            some = list(islice(rest, len(answers)))
            pieces = [piece for gap, answer in zip(some, answers, strict=True) for piece in self._filled(gap, answer)]
            windows = [gap.asked.window for gap in some]
            self._commit("series", some[0].asked, reduce(Window.hull, windows), pieces)
        return [Matrix(query.keys, grid, r) for query, grid, r in zip(queries, grids, results, strict=True)]

    def _filled(self, gap: Gap, answer: Matrix) -> Iterator[tuple[str, Floats]]:
        """An answer laid where it goes, and its pieces that can be kept."""
        gap.result[gap.rows, gap.grid.slice(gap.asked.window)] = answer.values
        for day, names in gap.days:
            if self._sealed(day):
                part = answer.grid.slice(day)
                yield from ((name, row[part]) for name, row in zip(names, answer.values, strict=True))

    def _gaps(self, asked: Sequence[tuple[Query, Grid, Floats]]) -> list[Gap]:
        """What no file holds of some queries, in as few parts as the store lets one; the rest into their results."""
        days = [
            (place, day, self._pieces("series", query, day, [(key,) for key in query.keys]))
            for place, (query, _, _) in enumerate(asked)
            for day in query.window.pieces(DAY)
        ]
        places: dict[str, list[tuple[int, Window, int]]] = {}
        for place, day, names in days:
            for row, name in enumerate(names if self._sealed(day) else ()):
                places.setdefault(name, []).append((place, day, row))
        found: set[str] = set()
        for name, piece in self._files.each(places):
            found.add(name)
            for place, day, row in places[name]:
                self.cached += 1
                _, grid, result = asked[place]
                result[row, grid.slice(day)] = piece
        gaps: list[Gap] = []
        for place, day, names in days:
            query, grid, result = asked[place]
            missing = [row for row, name in enumerate(names) if name not in found]
            if missing:
                part = Query(query.metric, tuple(query.keys[row] for row in missing), day, query.resolution)
                gap = Gap(part, [(day, [names[row] for row in missing])], result, grid, missing)
                reach = self._store.limits(query.resolution).seconds
                joined = gaps[-1].and_then(gap, reach) if reach and gaps else None
                gaps[-1:] = [joined] if joined else [*gaps[-1:], gap]
        return gaps

    def _sealed(self, piece: Window) -> bool:
        return self.settling is None or piece.end + self.settling <= self._now

    def _rollup_pieces(self, window: Window) -> Iterator[Window]:
        for week in window.weeks():
            if self._sealed(week):
                yield week
                continue
            for day in week.pieces(DAY):
                yield from [day] if self._sealed(day) else day.pieces(HOUR)

    def _requests(self, pieces: list[Window], query: Query) -> Iterator[list[Window]]:
        """Neighbouring pieces in as few requests as the source allows."""
        most = self._store.limits(query.resolution).points // max(1, len(query.keys)) * query.resolution
        group: list[Window] = []
        for piece in pieces:
            if group and (piece.start != group[-1].end or piece.end - group[0].start > most):
                yield group
                group = []
            group.append(piece)
        if group:
            yield group

    def _about(self, kind: str, window: Window) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "kind": kind,
            "store": self._place,
            "fingerprint": self.fingerprint(window),
            "metric": self._metric,
            "window": [window.start, window.end],
        }

    def _piece(self, kind: str, query: Query, window: Window) -> str:
        (name,) = self._pieces(kind, query, window, [query.keys])
        return name

    def _pieces(self, kind: str, query: Query, window: Window, keys: Sequence[tuple[str, ...]]) -> list[str]:
        """The names of pieces of the same time, each of some of the query's keys."""
        about = {**self._about(kind, window), "resolution": query.resolution}
        if kind == "rollup" and query.percent != USUAL:
            about["percent"] = query.percent
        if query.metric.empty != "zero":
            return list(piece_hashes(about, ("keys", keys)))
        # What a key's silence means depends on what came later, which another index may hold.
        return list(piece_hashes(about, ("keys", keys), ("spans", [self._inside(some, window) for some in keys])))

    def _inside(self, keys: tuple[str, ...], window: Window) -> tuple[tuple[int, int], ...]:
        """How much later than a window the spans of keys begin in it, and how much earlier they end."""
        found = []
        for span in (self._spans[key] for key in keys if key in self._spans):
            # Most keys are there all the time.
            whole = span.start <= window.start and window.end <= span.end
            part = window if whole else window.clip(span)
            found.append((part.start - window.start, window.end - part.end))
        return tuple(found)

    def _commit(self, kind: str, query: Query, window: Window, pieces: list[tuple[str, Floats]]) -> None:
        if pieces:
            about = {"kind": kind, "store": self._place, "metric": self._metric, "window": [window.start, window.end]}
            self._files.put(pieces, {**readable(about), "resolution": query.resolution, "pieces": len(pieces)})


def _whole_weeks(window: Window) -> Window:
    return Window(week_start(window.start), week_start(window.end - 1) + WEEK)
