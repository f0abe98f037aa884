"""The last run of a folder, to be looked at again: its store opened, its window, its policy; nothing is asked twice."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traffic import console, store_options
from traffic.errors import UsageFailure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyzer.model import Event, Findings
    from analyzer.reading.scope import Scope
    from analyzer.tuning.differences import Compared
    from traffic.model import Label, Window
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


def check_run(output: Path) -> None:
    """Whether a folder holds a run.

    Raises:
        UsageFailure: it does not.
    """
    if not (output / RUN).exists():
        raise UsageFailure(f"{output} contains no run: run ./sl.py discover --output {output} first")


def last_run(output: Path, entry: store_options.EntryOptions) -> LastRun:
    """The last run in a folder.

    Raises:
        UsageFailure: there is none, or it read what cannot be read twice.
        StorageFailure: its files are damaged.
    """
    from analyzer.report.columns import readable
    from analyzer.report.saved import load

    check_run(output)
    findings = load(output)
    with readable(output / RUN):
        said = json.loads((output / RUN).read_bytes())["settings"]
        scope = _scope(said, findings.resolution, findings.window)
    return LastRun(findings, said, _opened(said, entry), scope)


def numbered_run(output: Path, number: int, entry: store_options.EntryOptions) -> tuple[Compared, Source]:
    """A run of runs.json, and its store.

    Raises:
        UsageFailure: there is none of that number, or it read what cannot be read twice.
        StorageFailure: runs.json is damaged.
    """
    from analyzer.report.columns import readable
    from analyzer.report.saved import policy_of
    from analyzer.runs import RUNS, runs
    from analyzer.tuning.differences import Compared
    from traffic.model import Window
    from traffic.times import instant

    found = {run["run"]: run for run in runs(output)}
    if number not in found:
        there = f"they are {min(found)} to {max(found)}" if found else "there are none"
        raise UsageFailure(f"there is no run {number} in {output / RUNS}: {there}; ./sl.py runs lists them")
    run = found[number]
    with readable(output / RUNS):
        said = run["settings"]
        window = Window(instant(run["window"]["start"], 0), instant(run["window"]["end"], 0))
        scope = _scope(said, run["resolution"], window)
        compared = Compared(number, run["store"], run["metric"], scope, policy=policy_of(run["policy"]))
    return compared, _opened(said, entry)


def labels_of(run: LastRun, known_from: Path | None, output: Path) -> Sequence[Label] | None:
    """What has to be found: of a file, or of the run, with the marks of its folder; None where nothing is known.

    Args:
        known_from: a file of incidents; None: what the run was compared with.
    """
    from analyzer.marks import gone, with_marks
    from analyzer.verdict import MARKED
    from traffic import truth

    if known_from is None:
        known = None if run.findings.verdict is None else run.findings.labels
    else:
        known = truth.read(known_from)[0]
    # Marks that the run already knew are among its labels; those made since then are not.
    unmarked = None if known is None else [one for one in known if one.shape != MARKED]
    nothing = known_from is None and not unmarked and known is not None and len(known) > 0
    told = with_marks(None if nothing else unmarked, output, run.findings.store, run.findings.metric.name)
    for remark in (*filter(None, [told.remark]), *gone(told.labels, run.findings.keys, run.findings.window)):
        console.note(remark)
    return told.labels


def event_of(findings: Findings, named: str, output: Path) -> Event:
    """The event of that id, or the only one whose id begins so.

    Raises:
        UsageFailure: there is none, or there are several.
    """
    found = [event for event in findings.events if event.id.startswith(named)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageFailure(
            f"{len(found)} events of the last run have an id that begins with {named!r}: give more of the id"
        )
    hint = "; for a series, give a time too" if named in findings.keys else ": events.csv lists them"
    raise UsageFailure(f"the last run in {output} has no event {named!r}{hint}")


def _opened(said: Mapping[str, Any], entry: store_options.EntryOptions) -> Source:
    from traffic.store import open_source

    name = said.get("opened", said["store"])
    if name == "-":
        raise UsageFailure("that run read standard input, which cannot be read again: run discover on a file")
    given = _made(store_options.EntryOptions, vars(entry))
    login = given if given != store_options.EntryOptions() else _made(store_options.EntryOptions, said)
    columns = store_options.columns_of(_made(store_options.ColumnOptions, said))
    return open_source(name, columns, store_options.entry_of(name, login))


def _scope(said: Mapping[str, Any], resolution: int, window: Window) -> Scope:
    """The window as it came out, so that times such as `now-7d` are those of the run."""
    from analyzer.reading.scope import Scope
    from traffic.times import duration

    return Scope(
        resolution,
        int(time.time()),
        start=None if said["start"] is None else window.start,
        end=window.end,
        history=duration(said["history"]),
        only=tuple(said["only"]),
        exclude=tuple(said["exclude"]),
        top=said.get("top"),
        concurrency=said["concurrency"],
    )


def _made(of: Any, said: Mapping[str, Any]) -> Any:
    """Options from what run.json says of them; files are paths."""
    paths = {"password_file", "api_key_file", "ca_file", "filter_file"}
    names = [field.name for field in fields(of) if field.name in said]
    return of(**{name: Path(said[name]) if name in paths and said[name] else said[name] for name in names})
