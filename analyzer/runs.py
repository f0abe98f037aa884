"""`runs.json`: what was run in a folder, a document a run, so that policies can be compared after the fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydb import TinyDB

from analyzer.database import AtomicJson
from traffic.disk import storage
from traffic.errors import StorageFailure
from traffic.times import iso

if TYPE_CHECKING:
    from analyzer.model import Findings

RUNS = "runs.json"
DAMAGED = "runs.damaged.json"
MOST = 1000
"""Runs that are kept; of more, the newest."""

Run = dict[str, Any]


def document(findings: Findings, settings: Mapping[str, Any], cost: Mapping[str, Any], at: int) -> Run:
    """A run as a document: what was asked for, what came out, what it cost. No secret is in the settings.

    Args:
        settings: of the command line, by option; paths as text.
        cost: queries and points of the run's ledger.
        at: when it ended, epoch seconds.
    """
    # A list of runs needs no arrays.
    from analyzer.report.machine import not_judged, scores

    return {
        "at": iso(at),
        "store": findings.store,
        "metric": findings.metric.name,
        "window": {"start": iso(findings.window.start), "end": iso(findings.window.end)},
        "resolution": findings.resolution,
        "settings": {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()},
        "policy": asdict(findings.policy),
        "counts": {
            "keys": len(findings.keys),
            "events": len(findings.events),
            "not_judged": not_judged(findings)["share"],
            **{name: cost[name] for name in ("queries", "points") if name in cost},
        },
        "scores": None if findings.verdict is None else scores(findings.verdict),
    }


def record(folder: Path, run: Run) -> str | None:
    """Add a run to the folder's database; says what a person should know of it.

    A file that cannot be read is put aside, not overwritten.

    Raises:
        StorageFailure: the folder cannot be written.
    """
    kept, aside = _read(folder)
    with storage(folder / RUNS):
        if aside:
            (folder / RUNS).replace(folder / DAMAGED)
        numbered = {"run": 1 + max((one["run"] for one in kept), default=0), **run}
        with TinyDB(folder / RUNS, storage=AtomicJson) as database:
            database.table("runs").insert(numbered)
            if len(kept) >= MOST:
                oldest = numbered["run"] - MOST
                database.table("runs").remove(lambda one: one["run"] <= oldest)
    return (
        f"{folder / RUNS} could not be read: it was renamed to {DAMAGED}, and a new one was started" if aside else None
    )


def runs(folder: Path) -> list[Run]:
    """The runs of a folder, in order; none where there was none.

    Raises:
        StorageFailure: runs.json is there and does not say them.
    """
    found, damaged = _read(folder)
    if damaged:
        raise StorageFailure(f"{folder / RUNS} is damaged: the next ./sl.py discover renames it to {DAMAGED}")
    return found


def _read(folder: Path) -> tuple[list[Run], bool]:
    """The runs, and whether there is a file that does not say them."""
    path = folder / RUNS
    if not path.exists():
        return [], False
    data = AtomicJson(path).read()
    rows = data.get("runs") if data is not None else None
    found = list(rows.values()) if isinstance(rows, dict) else None
    if found is None or not all(isinstance(one, dict) and isinstance(one.get("run"), int) for one in found):
        return [], True
    return sorted(found, key=lambda one: int(one["run"])), False
