"""Stores of traffic, opened by their names (`kinds.py` has a row for each kind)."""

from __future__ import annotations

from pathlib import Path

from traffic.access_log import AccessLog, LogColumns
from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.store.access import Access, Entry
from traffic.store.base import SEVERAL, NoSuchStore, Source
from traffic.store.columns import Columns
from traffic.store.folder import STORE
from traffic.store.kinds import ELASTIC, FILES, FOLDER, KNOWN, Filling, kind_of, service_of
from traffic.store.sinks import Sink

__all__ = ["Access", "Columns", "LogColumns", "open_log", "open_sink", "open_source", "stores_here"]

_TABLES = ("*.csv", "*.csv.gz", "*.parquet", "*.ndjson", "*.jsonl")


def open_source(name: str, columns: Columns | None = None, entry: Access | None = None) -> Source:
    """The store called `name`, to read from it.

    Args:
        name: a folder of the embedded store, a file or glob of a user's own, an index in Elasticsearch, or `kentik:`.
        columns: of a user's own file or index; a store of ours needs none.
        entry: how to get into a service; None is what the environment says.

    Raises:
        NoSuchStore: there is nothing at that place that can be read as a store.
        UsageFailure: the columns are not valid.
    """
    kind, said = kind_of(name), columns or Columns()
    kind.check(said)
    if kind is FILES:
        _look_for(name)
    return kind.source(name, said, entry or kind.enter(Entry()) or Access())


def open_log(name: str, said: LogColumns, entry: Access | None = None) -> AccessLog:
    """The log of requests called `name`, to sum it up.

    Args:
        name: a file or glob of log lines, or an index in Elasticsearch.
        said: which of its fields are meant.
        entry: how to get into a service; None is what the environment says.

    Raises:
        NoSuchStore: there is nothing at that place that can be read as a log.
        UsageFailure: the fields are not valid.
    """
    kind = kind_of(name)
    if kind.log is None:
        raise UsageFailure(f"{name} contains no log lines: use a log file, or {ELASTIC.shown}")
    kind.check(said)
    return kind.log(name, said, entry or kind.enter(Entry()) or Access())


def open_sink(
    name: str,
    field: str,
    step: int,
    scenario: str,
    keys: int,
    replace: bool,
    *,
    entry: Access | None = None,
    refused: Path = Path("refused.ndjson"),
) -> Sink:
    """The store called `name`, to write generated traffic to it. It is held until its `finish()`.

    Args:
        name: a folder of the embedded store, made if need be, or an index in Elasticsearch.
        field: what the amounts are, as `network.bytes`.
        step: seconds of a native step.
        scenario: hash of what is generated; a store that holds another is refused.
        keys: how many keys there are about to be, which decides how they are cut into blocks.
        replace: drop what the store holds first (only what we made).
        entry: how to get into a service; None is what the environment says.
        refused: the file that lists what a service did not take.

    Raises:
        ForeignStore: it holds something else.
        LockedFailure: another run writes to it.
        StorageFailure: it cannot be written.
    """
    kind = service_of(name) or FOLDER
    if kind.sink is None:
        raise UsageFailure(f"{kind.name} can only be read: write to a folder or an index")
    filling = Filling(field, step, scenario, keys=keys, replace=replace, refused=refused)
    return kind.sink(name, filling, entry or kind.enter(Entry()) or Access())


def _look_for(name: str) -> None:
    """Raises NoSuchStore where nothing that is called like that can be files of a user's own."""
    for one in name.split(SEVERAL):
        path = Path(one)
        with storage(one):
            there = bool(one) and path.exists()
        # A name that looks like a file's is looked up as a file, so that the message speaks of a file.
        if not one or not (one == "-" or there or path.suffix or set("*?[") & set(one)):
            here = stores_here()
            known = f"use one of those here ({', '.join(here)}), or {KNOWN}" if here else f"name {KNOWN}"
            raise NoSuchStore(f"no store {one or '(no name)'}: run ./sl.py generate, or {known}")


def stores_here() -> list[str]:
    """What a store could be called, seen from the working folder: the first ten."""
    with storage("."):
        folders = sorted(str(path.parent) for depth in ("*", "*/*") for path in Path().glob(f"{depth}/{STORE}"))
        tables = sorted(str(path) for pattern in _TABLES for path in Path().glob(pattern))
    return [*folders, *tables][:10]
