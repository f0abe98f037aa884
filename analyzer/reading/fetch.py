"""The recursion: hourly roll-ups first, then buckets only where an event can be; what is too large, in halves."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby, islice
from typing import TypeVar

from analyzer.reading.cut import Tree, halves, join_rollups, join_series, joined, size_of, tree
from analyzer.reading.kept import KeptBuckets
from traffic.model import HOUR, Matrix, Query, Rollup
from traffic.store.base import (
    JoiningSource,
    RollupSource,
    ScarceSource,
    Source,
    SparseSource,
    StoreError,
    TooLarge,
    TooLong,
)

Answer = TypeVar("Answer", Matrix, Rollup)
Request = list[Query]
"""What is asked for at once: one query, or several where the store lets one."""


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
        ((answer,),) = self.series_many([query])
        return answer

    def series_many(self, queries: Sequence[Query]) -> Iterator[list[Matrix]]:
        """A `series` for each, in that order, as they come: in a list those that came together."""
        return self._each(queries, self._ask_series, join_series)

    def rollup(self, query: Query) -> Rollup:
        """As the store says, where it can make roll-ups."""
        ((answer,),) = self._each([query], self._ask_rollup, join_rollups)
        return answer

    def holds(self, _query: Query) -> bool:
        """It keeps nothing."""
        return False

    def requests(self, queries: Sequence[Query], hours: bool) -> list[Request]:
        """The requests that queries are cut or joined into before any is sent.

        Args:
            queries: all of them together.
            hours: whether the store is asked for roll-ups; else for buckets.
        """
        return self._requests([self._tree(query, hours) for query in queries], hours)

    def _requests(self, trees: Sequence[Tree], hours: bool) -> list[Request]:
        """Hours that a store makes itself are asked for one by one, buckets together where it lets one."""
        parts = [part for one in trees for part in one.leaves()]
        if hours or len(parts) < 2 or not isinstance(self.store, JoiningSource):
            return [[part] for part in parts]
        most = self.store.joins()
        return list(joined(parts, most, lambda part: size_of(part, part.resolution, self._filled(part.resolution))))

    def _tree(self, query: Query, hours: bool) -> Tree:
        step, limits = HOUR if hours else query.resolution, self.store.limits(query.resolution)
        return tree(query, step, limits.of_hours() if hours else limits, self._filled(step))

    def _filled(self, step: int) -> float:
        return self.store.filled(step) if isinstance(self.store, SparseSource) else 1.0

    def _ask_series(self, request: Request) -> list[Matrix]:
        if len(request) > 1:
            assert isinstance(self.store, JoiningSource)
            return self.store.series_joined(request)
        return [self.store.series(query) for query in request]

    def _ask_rollup(self, request: Request) -> list[Rollup]:
        assert isinstance(self.store, RollupSource)
        return [self.store.rollup(query) for query in request]

    def _each(
        self,
        queries: Sequence[Query],
        ask: Callable[[Request], list[Answer]],
        join: Callable[[Answer, Answer, Query], Answer],
    ) -> Iterator[list[Answer]]:
        """An answer for each query, in that order; no more requests ahead of it than may be under way at once.

        Those in a list needed no further request after the first of them.
        """
        if not queries:
            return
        hours = join is join_rollups
        trees = [self._tree(query, hours) for query in queries]
        at_once = min([self._concurrency, *(self.store.limits(query.resolution).at_once for query in queries)])
        with ThreadPoolExecutor(at_once) as pool:
            # One at a time needs no thread, and errors then come from where they are raised.
            submit = pool.submit if at_once > 1 else _now
            rest = iter(self._requests(trees, hours))
            waiting: deque[tuple[Request, Future[list[Answer]]]] = deque()
            there: deque[Answer] = deque()

            def following() -> Answer:
                if not there:
                    # Not before its answer is wanted: what was answered before is committed by then.
                    waiting.extend((part, submit(ask, part)) for part in islice(rest, at_once - len(waiting)))
                    there.extend(self._finished(*waiting.popleft(), submit, ask, join))
                return there.popleft()

            def whole(one: Tree) -> Answer:
                if not one.halves:
                    return following()
                first, second = map(whole, one.halves)
                return join(first, second, one.query)

            try:
                together: list[Answer] = []
                for one in trees:
                    if together and not there:
                        yield together
                        together = []
                    together.append(whole(one))
                yield together
            except BaseException:
                # The pool ends when all that is under way does, and with a store that is asked slowly that may be long.
                if isinstance(self.store, ScarceSource):
                    self.store.abandon()
                raise

    def _finished(
        self,
        request: Request,
        future: Future[list[Answer]],
        submit: Callable[..., Future[list[Answer]]],
        ask: Callable[[Request], list[Answer]],
        join: Callable[[Answer, Answer, Query], Answer],
    ) -> list[Answer]:
        """What was asked for in `future`, in halves if that was too much."""
        self.sent += 1
        try:
            answers = future.result()
        except TooLarge as error:
            cut = self._halves(request, error, HOUR if join is join_rollups else request[0].resolution)
            asked = [(half, submit(ask, half)) for half in cut]
            first, second = (self._finished(half, answer, submit, ask, join) for half, answer in asked)
            return first + second if len(request) > 1 else [join(first[0], second[0], request[0])]
        self.points += sum(len(query.keys) * one.grid.count for query, one in zip(request, answers, strict=True))
        return answers

    def _halves(self, request: Request, error: TooLarge, step: int) -> tuple[Request, Request]:
        """Several queries apart, or one in two."""
        if len(request) > 1:
            middle = len(request) // 2
            return request[:middle], request[middle:]
        (query,) = request
        cut = halves(query, step, keys_too=not isinstance(error, TooLong))
        if cut is None:
            least = "hour" if step == HOUR else "bucket"
            raise StoreError(f"{self.store.name}: even one series for one {least} is too much ({error})") from None
        return [cut[0]], [cut[1]]


def _now(ask: Callable[[Request], list[Answer]], request: Request) -> Future[list[Answer]]:
    """Like a pool's `submit`, done when it returns."""
    future: Future[list[Answer]] = Future()
    try:
        future.set_result(ask(request))
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
        # Those of the last block go before those of this one come.
        self._kept = None
        self._kept = KeptBuckets(self._source.series(query))
        return self._kept.rollup(query)

    def holds(self, query: Query) -> bool:
        """Whether the last roll-up was made of these buckets."""
        return self._kept is not None and self._kept.has(query)

    def series_many(self, queries: Sequence[Query]) -> Iterator[list[Matrix]]:
        """A `series` for each, in that order, as they come: in a list those that came together."""
        for is_held, some in groupby(queries, self.holds):
            if is_held:
                yield [self.series(query) for query in some]
            else:
                yield from self._source.series_many(list(some))

    def series(self, query: Query) -> Matrix:
        """From the buckets that the last roll-up was made of, where they hold the answer; else from the source."""
        held = self._kept
        return held.series(query) if held is not None and held.has(query) else self._source.series(query)
