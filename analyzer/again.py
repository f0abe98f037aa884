"""A run that is looked at again: its store, answered from what is kept, and the place of a key in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analyzer.explaining.explain import Place
from analyzer.model import Findings
from analyzer.pipeline import BUFFER_LOG, Surveyed
from analyzer.reading.cache import CachedSource
from analyzer.reading.cache.log import write_log
from analyzer.reading.fetch import Halving
from analyzer.reading.scope import Scope, opened
from traffic.errors import UsageFailure
from traffic.store.base import Source
from traffic.text import visible


@contextmanager
def cached(source: Source, scope: Scope, output: Path) -> Iterator[tuple[CachedSource, Halving]]:
    """The store, answered from what is kept; and what counts the requests that are sent all the same."""
    asked, answered, files = opened(source, scope, output)
    try:
        yield answered, asked
    finally:
        write_log(output / BUFFER_LOG, files)


def place_of(findings: Findings, scope: Scope, source: CachedSource, surveyed: Surveyed, key: str) -> Place:
    """Where the hours of a key are looked for.

    Raises:
        UsageFailure: the run did not look at that key.
    """
    block = next(((keys, reach) for keys, reach in surveyed.blocks if key in keys), None)
    if block is None:
        raise UsageFailure(_unknown(key, list(surveyed.spans)))
    return Place(
        source=source,
        keys=block[0],
        learned=block[1],
        presence=surveyed.presence,
        resolution=scope.resolution,
        policy=findings.policy,
        labels=findings.labels,
        events=findings.events,
    )


def _unknown(key: str, keys: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(key, keys, 1)
    hint = (
        f"did you mean {visible(close[0])!r}?" if close else f"it has {len(keys)} series, such as {visible(keys[0])!r}"
    )
    return f"the run has no series {visible(key)!r}: {hint}"
