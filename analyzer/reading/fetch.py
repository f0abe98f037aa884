"""The recursion: hourly roll-ups first, then buckets only where an event can be; what is too large, in halves."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from analyzer.reading.cut import Tree, halves, join_rollups, join_series, tree
from analyzer.reading.kept import KeptBuckets
from traffic.model import HOUR, Matrix, Query, Rollup
from traffic.store.base import RollupSource, ScarceSource, Source, SparseSource, StoreError, TooLarge, TooLong

Answer = TypeVar("Answer", Matrix, Rollup)


class Halving:
    """Asks a store, and where a request is too much for it, asks for halves: keys first, then the window.

    What the store says it takes at once (`Limits`) is cut before it is sent; what it refuses all the same, then. A
    request that cannot be halved any more is an error, never coarser data. Several run in parallel where the
    store lets one. Counts what reaches the store.
    """

    def __init__(self, store: Source, concurrency: int = 1) -> None:
        self.store = store
        self._concurrency = concurrency
        self.sent = 0
        """Requests for data that the store was sent."""
        self.points = 0
        """Buckets that it answered with."""

    def rolls_up(self, resolution: int) -> bool:
        """Whether the store makes roll-ups of such buckets itself."""
        return isinstance(self.store, RollupSource) and self.store.rolls_up(resolution)

    def series(self, query: Query) -> Matrix:
        """As the store says."""
        (answer,) = self.series_many([query])
        return answer

    def series_many(self, queries: Sequence[Query]) -> Iterator[Matrix]:
        """A `series` for each, in that order, as they come."""
        return self._each(queries, self.store.series, join_series)

    def rollup(self, query: Query) -> Rollup:
        """As the store says, where it can make roll-ups."""
        assert isinstance(self.store, RollupSource)
        (answer,) = self._each([query], self.store.rollup, join_rollups)
        return answer

    def holds(self, _query: Query) -> bool:
        """It keeps nothing."""
        return False

    def parts(self, query: Query, step: int) -> list[Query]:
        """The requests that a query is cut into before any is sent; `step`: of the buckets that are asked for."""
        return list(self._tree(query, step).leaves())

    def _tree(self, query: Query, step: int) -> Tree:
        filled = self.store.filled(step) if isinstance(self.store, SparseSource) else 1.0
        return tree(query, step, self.store.limits(query.resolution), filled)

    def _each(
        self,
        queries: Sequence[Query],
        ask: Callable[[Query], Answer],
        join: Callable[[Answer, Answer, Query], Answer],
    ) -> Iterator[Answer]:
        """An answer for each query, in that order; no more requests ahead of it than may be under way at once."""
        wide = HOUR if join is join_rollups else None
        trees = [self._tree(query, wide or query.resolution) for query in queries]
        at_once = min([self._concurrency, *(self.store.limits(query.resolution).at_once for query in queries)])
        with ThreadPoolExecutor(at_once) as pool:
            # One at a time needs no thread, and errors then come from where they are raised.
            submit = pool.submit if at_once > 1 else _now
            rest = (part for one in trees for part in one.leaves())
            waiting: deque[tuple[Query, Future[Answer]]] = deque()

            def following() -> Answer:
                # Not before its answer is wanted: what was answered before is committed by then.
                waiting.extend((part, submit(ask, part)) for part in islice(rest, at_once - len(waiting)))
                return self._finished(*waiting.popleft(), submit, ask, join)

            def whole(one: Tree) -> Answer:
                if not one.halves:
                    return following()
                first, second = map(whole, one.halves)
                return join(first, second, one.query)

            try:
                yield from map(whole, trees)
            except BaseException:
                # The pool ends when all that is under way does, and with a store that is asked slowly that may be long.
                if isinstance(self.store, ScarceSource):
                    self.store.abandon()
                raise

    def _finished(
        self,
        query: Query,
        future: Future[Answer],
        submit: Callable[..., Future[Answer]],
        ask: Callable[[Query], Answer],
        join: Callable[[Answer, Answer, Query], Answer],
    ) -> Answer:
        """What was asked for in `future`, in halves if that was too much."""
        self.sent += 1
        try:
            answer = future.result()
        except TooLarge as error:
            step = HOUR if join is join_rollups else query.resolution
            cut = halves(query, step, keys_too=not isinstance(error, TooLong))
            if cut is None:
                least = "hour" if step == HOUR else "bucket"
                raise StoreError(f"{self.store.name}: even one series for {least} is too much ({error})") from None
            asked = [(half, submit(ask, half)) for half in cut]
            first, second = (self._finished(half, answer, submit, ask, join) for half, answer in asked)
            return join(first, second, query)
        self.points += len(query.keys) * answer.grid.count
        return answer


def _now(ask: Callable[[Query], Answer], query: Query) -> Future[Answer]:
    """Like a pool's `submit`, done when it returns."""
    future: Future[Answer] = Future()
    try:
        future.set_result(ask(query))
    except TooLarge as error:
        future.set_exception(error)
    return future


class Rolled:
    """Roll-ups out of any source: reads the buckets once, rolls them up, answers suspects from what it read."""

    def __init__(self, source: Halving) -> None:
        self._source = source
        self.store = source.store
        self._kept: KeptBuckets | None = None

    def rollup(self, query: Query) -> Rollup:
        """Hours made by our own kernel from the source's buckets."""
        self._kept = KeptBuckets(self._source.series(query))
        return self._kept.rollup(query)

    def holds(self, query: Query) -> bool:
        """Whether the last roll-up was made of these buckets."""
        return self._kept is not None and self._kept.has(query)

    def series_many(self, queries: Sequence[Query]) -> Iterator[Matrix]:
        """A `series` for each, in that order, as they come."""
        if any(self.holds(query) for query in queries):
            return (self.series(query) for query in queries)
        return self._source.series_many(queries)

    def series(self, query: Query) -> Matrix:
        """From the buckets that the last roll-up was made of, where they hold the answer; else from the source."""
        held = self._kept
        return held.series(query) if held is not None and held.has(query) else self._source.series(query)
