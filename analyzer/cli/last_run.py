"""The last run of a folder, to be looked at again: its store opened, its window, its policy; nothing is asked twice."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traffic import options as shared
from traffic.errors import UsageFailure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from analyzer.explaining.explain import Place
    from analyzer.model import Findings
    from analyzer.pipeline import Surveyed
    from analyzer.reading.cache import CachedSource
    from analyzer.reading.scope import Scope
    from traffic.store.base import Source

RUN = "run.json"


def opened_as(source: Source, name: str) -> str:
    """By which name a store is opened again: that of files as it was given, of a service without a password."""
    from traffic.store.kinds import FILES, kind_of

    return name if kind_of(name) is FILES else source.name


@dataclass(frozen=True)
class LastRun:
    """What a folder's last run was, and what it read."""

    findings: Findings
    settings: Mapping[str, Any]
    source: Source
    scope: Scope

    @contextmanager
    def cached(self, output: Path) -> Iterator[tuple[CachedSource, Any]]:
        """The store, answered from what is kept; and what counts the requests that are sent all the same."""
        from analyzer.pipeline import BUFFER_LOG
        from analyzer.reading.cache.log import write_log
        from analyzer.reading.scope import opened

        asked, source, files = opened(self.source, self.scope, output)
        try:
            yield source, asked
        finally:
            write_log(output / BUFFER_LOG, files)


def place_of(run: LastRun, source: CachedSource, surveyed: Surveyed, key: str) -> Place | None:
    """Where the hours of a key are looked for; None of one that the run did not look at."""
    from analyzer.explaining.explain import Place

    block = next(((keys, reach) for keys, reach in surveyed.blocks if key in keys), None)
    if block is None:
        return None
    return Place(
        source=source,
        keys=block[0],
        spans=surveyed.spans,
        learned=block[1],
        looked=surveyed.window,
        resolution=run.scope.resolution,
        policy=run.findings.policy,
        end=surveyed.end,
        labels=run.findings.labels,
        begin=surveyed.begin,
        events=run.findings.events,
    )


def last_run(output: Path, entry: shared.EntryOptions) -> LastRun:
    """The last run in a folder.

    Raises:
        UsageFailure: there is none, or it read what cannot be read twice.
        StorageFailure: its files are damaged.
    """
    from analyzer.report.columns import readable
    from analyzer.report.saved import load
    from traffic.store import open_source

    if not (output / RUN).exists():
        raise UsageFailure(f"{output} holds no run: run ./sl.py discover --output {output} first")
    findings = load(output)
    with readable(output / RUN):
        said = json.loads((output / RUN).read_bytes())["settings"]
        columns = _made(shared.ColumnOptions, said)
        scope = _scope(said, findings)
        name = said.get("opened", said["store"])
        own = _made(shared.EntryOptions, said)
    if name == "-":
        raise UsageFailure("the last run read standard input, which is gone: run discover on a file")
    login = entry if entry != shared.EntryOptions() else own
    source = open_source(name, shared.columns_of(columns), shared.entry_of(name, login))
    return LastRun(findings, said, source, scope)


def _scope(said: Mapping[str, Any], findings: Findings) -> Scope:
    """The window as it came out, so that times such as `now-7d` are those of the run."""
    from analyzer.reading.scope import Scope
    from traffic.times import duration

    return Scope(
        findings.resolution,
        int(time.time()),
        start=None if said["start"] is None else findings.window.start,
        end=findings.window.end,
        history=duration(said["history"]),
        only=tuple(said["only"]),
        exclude=tuple(said["exclude"]),
        concurrency=said["concurrency"],
    )


def _made(of: Any, said: Mapping[str, Any]) -> Any:
    """Options from what run.json says of them; files are paths."""
    paths = {"password_file", "api_key_file", "ca_file", "filter_file"}
    names = [field.name for field in fields(of) if field.name in said]
    return of(**{name: Path(said[name]) if name in paths and said[name] else said[name] for name in names})
