"""`sl.discover`."""

from __future__ import annotations

import tempfile
import time as clock
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from analyzer.comparison import truth_for
from analyzer.judging.policy import classes_of, read_policy
from analyzer.model import Policy
from analyzer.notebook.frames import Moment, columns, file_of, instant, stored, unseen
from analyzer.notebook.result import Again, Result
from analyzer.pipeline import Ledger, Search
from analyzer.pipeline import discover as search
from analyzer.reading.scope import Scope
from traffic import times, truth
from traffic.console import fitted
from traffic.errors import UsageFailure
from traffic.model import Label, Metric, Statistic
from traffic.store import open_source
from traffic.store.base import Source
from traffic.store.columns import Columns


def discover(  # noqa: PLR0913 - named arguments only: the settings of a run
    data: pd.DataFrame | str | Path,
    *,
    time: str | None = None,
    key: str | Sequence[str] | None = None,
    value: str | None = None,
    statistic: Statistic | Literal["rate"] | None = None,
    unit: str = "",
    resolution: str = "1m",
    start: Moment | None = None,
    end: Moment | None = None,
    history: str = "6w",
    policy: Policy | Mapping[str, Any] | str | Path | None = None,
    without: Iterable[str] = (),
    only: Iterable[str] = (),
    exclude: Iterable[str] = (),
    truth: pd.DataFrame | str | Path | None = None,
    output: str | Path | None = None,
) -> Result:
    """Find events in a frame or in a store, like `./sl.py discover` but without writing files.

    Args:
        data: a frame of rows (or a wide one with a column per series), or the name of a store as for --store.
        time: the column of the times; by default a frame's DatetimeIndex. Columns not given are guessed, and warned of.
        key: the column of the series' names, or several.
        value: the column of the values, or an expression in SQL.
        statistic: how several rows in a bucket are combined: sum, count, avg, max, rate ...
        unit: unit of the values; with a unit per second (bit/s), `excess` is an amount.
        resolution: width of a bucket.
        start, end: the window to judge; by default all data.
        history: how much before and after the window to learn from.
        policy: settings of the policy by name (`{"over_percent": 100}`), a file like input/policy.yaml, or the one that
            `sl.tune` recommends.
        without: rules to disable; ("all",) is the plain policy.
        only, exclude: globs of keys.
        truth: known incidents, with the columns key, start, end; a store made by `generate` has its own.
        output: folder in which answers of the store are cached, so that a second run sends no queries; by default none.

    Raises:
        UsageFailure: the data, a column or a setting is not valid.
        StoreError: the store cannot answer in full.
    """
    said = columns(time, key, value, statistic, unit)
    with _opened(data, said, output) as (source, folder, passing):
        remarks = [*source.notes()] if isinstance(data, pd.DataFrame) else []
        now = int(clock.time())
        scope = Scope(
            fitted(source, times.resolution(resolution), silent=True),
            now,
            start=None if start is None else instant(start, now),
            end=None if end is None else instant(end, now),
            history=times.duration(history),
            only=tuple(only),
            exclude=tuple(exclude),
        )
        job = Search(folder, _policy(policy, source.metric, tuple(without)), scope)
        labels = _labels(source, folder, truth, job, passing)
        findings = search(source, job, labels, Ledger(), unseen)
        covered = findings.coverage
        remarks += source.remarks()
        if not covered.whole and (sentence := covered.sentence()):
            remarks.append(sentence)
    for remark in remarks:
        warnings.warn(remark, UserWarning, stacklevel=2)

    @contextmanager
    def again() -> Iterator[Again]:
        with _opened(data, said, output) as (source, folder, _):
            yield Again(source, scope, folder)

    return Result(findings, tuple(dict.fromkeys(remarks)), again)


@contextmanager
def _opened(
    data: pd.DataFrame | str | Path, said: Columns, output: str | Path | None
) -> Iterator[tuple[Source, Path, Path]]:
    """The source, the folder where answers are kept, and one for files that nobody needs afterwards."""
    with tempfile.TemporaryDirectory() as passing:
        name, time = stored(data, said.time, Path(passing))
        folder = Path(passing, "answers") if output is None else Path(output)
        yield open_source(name, replace(said, time=time)), folder, Path(passing)


def _policy(said: Policy | Mapping[str, Any] | str | Path | None, metric: Metric, without: tuple[str, ...]) -> Policy:
    if isinstance(said, Policy):
        return replace(said, rules=tuple(rule for rule in said.rules if not {rule, "all"} & {*without}))
    if not isinstance(said, Mapping):
        return read_policy(None if said is None else Path(said), metric, {}, without)
    names = {one.name for one in fields(Policy)} - {"of_keys", "calendar"}
    for name in said:
        if name not in names:
            raise UsageFailure(f"policy: unknown setting {name!r}: use one of {', '.join(sorted(names))}")
    lengths = {name: times.duration(said[name]) for name in ("within", "merge") if isinstance(said.get(name), str)}
    classes = {"classes": classes_of(said["classes"])} if "classes" in said else {}
    return read_policy(None, metric, {**said, **lengths, **classes}, without)


def _labels(
    source: Source, folder: Path, given: pd.DataFrame | str | Path | None, job: Search, passing: Path
) -> tuple[Label, ...] | None:
    if given is not None:
        return truth.read(file_of(given, passing / "truth.csv"))[0]
    # What `generate` left lies in the output of a run, or in the folder that the store is in.
    found = truth_for(source, folder, None, None, job.policy.direction).labels
    return found or truth_for(source, Path(source.name).parent, None, None, job.policy.direction).labels
