"""Stores of traffic, and the one table from a name to its class."""

from __future__ import annotations

import re
from pathlib import Path

from traffic.access_log import AccessLog, LogColumns
from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.store.access import Access, access, kentik_access
from traffic.store.base import Columns, NoSuchStore, Sink, Source
from traffic.store.folder import STORE, is_store

__all__ = ["Access", "Columns", "LogColumns", "open_log", "open_sink", "open_source", "stores_here"]

_KNOWN = "a folder made by ./sl.py generate, a CSV, Parquet or NDJSON file, https://HOST:9200/INDEX, or kentik:"
_TABLES = ("*.csv", "*.csv.gz", "*.parquet", "*.ndjson", "*.jsonl")
_ELASTIC = re.compile(r"^(?:https?://|elasticsearch:)", re.IGNORECASE)
_KENTIK = re.compile(r"^kentik:", re.IGNORECASE)
# https: is the name of a service; a Windows drive or a file called a:b is not.
_SERVICE = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def open_source(name: str, columns: Columns | None = None, entry: Access | None = None) -> Source:
    """The store called `name`, to read from it.

    Args:
        name: a folder of the embedded store, a file or glob of a user's own, an index in Elasticsearch, or `kentik:`.
        columns: of a user's own file or index; a store of ours needs none.
        entry: how to get into a service; None is what the environment says.

    Raises:
        NoSuchStore: there is nothing at that place that can be read as a store.
        UsageFailure: the columns cannot be meant.
    """
    if _ELASTIC.match(name):
        from traffic.store.elastic import ElasticSource

        _refuse_files(columns)
        return ElasticSource(name, columns or Columns(), entry or access())
    if _KENTIK.match(name):
        from traffic.store.kentik import KentikSource

        _refuse_columns(columns)
        return KentikSource(name, entry or kentik_access())
    _refuse_services(name)
    _refuse_elastic(columns)
    path = Path(name)
    with storage(name):
        folder, ours, there = bool(name) and path.is_dir(), is_store(path), path.exists()
    if ours:
        if columns is not None and columns.preset is not None:
            raise UsageFailure(f"{name} holds sums by the minute and no log lines: leave out --metric")
        if columns is not None and columns.named:
            raise UsageFailure(f"{name} is a store of its own: leave out --time, --key and --value, --wide and --where")
        from traffic.store.parquet import ParquetSource

        return ParquetSource(path)
    if folder:
        raise NoSuchStore(
            f"{name} is a folder without {STORE}: run ./sl.py generate to fill it, or name its files ({path}/*.csv)"
        )
    # A name like a file's is looked for as one, and missed as one.
    if not name or not (name == "-" or there or path.suffix or set("*?[") & set(name)):
        here = stores_here()
        known = f"name one of those here ({', '.join(here)}), or {_KNOWN}" if here else f"name {_KNOWN}"
        raise NoSuchStore(f"there is no store {name or '(no name)'}: run ./sl.py generate, or {known}")
    from traffic.store.files import FilesSource

    return FilesSource(name, columns or Columns())


def open_log(name: str, said: LogColumns, entry: Access | None = None) -> AccessLog:
    """The log of requests called `name`, to sum it up.

    Args:
        name: a file or glob of log lines, or an index in Elasticsearch.
        said: which of its fields are meant.
        entry: how to get into a service; None is what the environment says.

    Raises:
        NoSuchStore: there is nothing at that place that can be read as a log.
        UsageFailure: the fields cannot be meant.
    """
    if _ELASTIC.match(name):
        from traffic.store.elastic.lines import ElasticLog

        if said.where is not None or said.zone != "UTC":
            raise UsageFailure("--where and --timezone-of-data are for files: leave them out (an index has --filter)")
        return ElasticLog(name, said, entry or access())
    if _KENTIK.match(name) or _SERVICE.match(name) or is_store(Path(name)):
        raise UsageFailure(f"{name} holds no log lines: name a log file, or https://HOST:9200/INDEX")
    if said.filter_file is not None:
        raise UsageFailure("--filter is for an index in Elasticsearch: leave it out (files have --where)")
    from traffic.store.files.lines import FilesLog

    return FilesLog(name, said)


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
    if _ELASTIC.match(name):
        from traffic.store.elastic import ElasticSink

        return ElasticSink(name, field, step, scenario, keys, replace, entry or access(), refused)
    if _KENTIK.match(name):
        raise UsageFailure("Kentik is only read from: name a folder or an index to write to")
    _refuse_services(name)
    from traffic.store.parquet import ParquetSink

    return ParquetSink(Path(name), field, step, scenario, keys, replace)


def stores_here() -> list[str]:
    """What a store could be called, seen from the working folder: the first ten."""
    with storage("."):
        folders = sorted(str(path.parent) for depth in ("*", "*/*") for path in Path().glob(f"{depth}/{STORE}"))
        tables = sorted(str(path) for pattern in _TABLES for path in Path().glob(pattern))
    return [*folders, *tables][:10]


def _refuse_files(columns: Columns | None) -> None:
    if columns is not None and (columns.wide or columns.where is not None or columns.zone != "UTC"):
        raise UsageFailure(
            "--wide, --where and --timezone-of-data are for files: leave them out (an index has --filter)"
        )


def _refuse_columns(columns: Columns | None) -> None:
    _refuse_files(columns)
    _refuse_elastic(columns)
    if columns is not None and columns.named:
        raise UsageFailure(
            "what Kentik is asked stands in input/kentik_query_*.json: leave out --time, --key, --value and --metric"
        )


def _refuse_elastic(columns: Columns | None) -> None:
    if columns is not None and (columns.step is not None or columns.filter_file is not None):
        raise UsageFailure("--document-step and --filter are for an index in Elasticsearch: leave them out")


def _refuse_services(name: str) -> None:
    if _SERVICE.match(name):
        raise NoSuchStore(f"{name} is not a store that this version knows: name {_KNOWN}")
