"""The kinds of stores, one row for each. A new one is a row here, a folder beside, a Kind in tests."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from traffic.access_log import AccessLog, LogColumns
from traffic.disk import storage
from traffic.errors import UsageFailure
from traffic.store.access import Access, Entry, elastic_access, kentik_access, prometheus_access
from traffic.store.base import NoSuchStore, Source
from traffic.store.columns import Columns
from traffic.store.folder import is_store
from traffic.store.sinks import Sink

FLAGS = {
    "time": "--time",
    "key": "--key",
    "value": "--value",
    "statistic": "--statistic",
    "unit": "--unit",
    "scale": "--scale",
    "empty": "--empty",
    "wide": "--wide",
    "where": "--where",
    "zone": "--timezone-of-data",
    "step": "--document-step",
    "filter_file": "--filter",
    "preset": "--metric",
    "errors": "--errors",
    "skip_bad_lines": "--skip-bad-lines",
    "raw_paths": "--raw-paths",
    "total": "--total",
    "time_format": "--time-format",
    "delimiter": "--delimiter",
    "decimal": "--decimal",
    "missing": "--missing",
    "counter": "--statistic",
}
"""Field of `Columns` or `LogColumns` -> its option."""

_EVERY_TABLE = frozenset({"time", "key", "value", "statistic", "unit", "scale", "empty", "preset", "errors"})
_FILES_ONLY = frozenset(
    {
        *("wide", "where", "zone", "skip_bad_lines", "raw_paths", "total", "time_format", "delimiter", "decimal"),
        *("counter", "missing"),
    }
)
# https: is the name of a service; a Windows drive or a file called a:b is not.
_SERVICE = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


@dataclass(frozen=True)
class Filling:
    """What is about to be written to a store."""

    field: str
    """Field name of the amounts, such as `network.bytes`."""
    step: int
    """Seconds of a native step."""
    scenario: str
    """Hash of what is generated; a store that contains another scenario is refused."""
    keys: int
    """Number of keys that will be written, which decides how they are divided into blocks."""
    replace: bool
    """First delete what the store contains (only if it was generated or copied)."""
    refused: Path
    """File that lists what a service did not accept."""


@dataclass(frozen=True)
class StoreKind:
    """A kind of store: how it is named, what it takes, and how it is opened (what that needs is loaded only then)."""

    name: str
    shown: str
    """What to write for one on the command line."""
    takes: frozenset[str]
    """Which of the `FLAGS` it understands."""
    instead: str
    """Why it takes no others: the start of the message, before "leave out --where"."""
    source: Callable[[str, Columns, Access], Source]
    sink: Callable[[str, Filling, Access], Sink] | None = None
    """None: read-only."""
    log: Callable[[str, LogColumns, Access], AccessLog] | None = None
    """None: it contains no log lines."""
    prefix: re.Pattern[str] | None = None
    """How the name of a service begins; None: it is a folder or a file."""
    login: Callable[[Entry], Access] | None = None
    """Credentials from options, or else from the environment; None: it needs no login."""
    originals: bool = False
    """Whether the files of kentik_event_discovery are written by default."""

    def enter(self, said: Entry) -> Access | None:
        """Credentials and trust; None if it needs none."""
        return None if self.login is None else self.login(said)

    def check(self, said: Columns | LogColumns) -> None:
        """Raises UsageFailure if an option was given that it does not take."""
        refuse_options(said, self.takes, self.instead)


def refuse_options(said: Columns | LogColumns, takes: frozenset[str], instead: str) -> None:
    """Raises UsageFailure if an option was given that is not in `takes`."""
    given = [one.name for one in fields(said) if one.name in FLAGS and vars(said)[one.name] != one.default]
    wrong = [FLAGS[name] for name in FLAGS if name in given and name not in takes]
    if wrong:
        raise UsageFailure(f"{instead}: leave out {', '.join(wrong)}")


def _elastic_source(name: str, columns: Columns, entry: Access) -> Source:
    from traffic.store.elastic import ElasticSource

    return ElasticSource(name, columns, entry)


def _elastic_sink(name: str, filling: Filling, entry: Access) -> Sink:
    from traffic.store.elastic import ElasticSink

    return ElasticSink(
        name,
        filling.field,
        filling.step,
        filling.scenario,
        keys=filling.keys,
        replace=filling.replace,
        access=entry,
        refused=filling.refused,
    )


def _elastic_log(name: str, said: LogColumns, entry: Access) -> AccessLog:
    from traffic.store.elastic.lines import ElasticLog

    return ElasticLog(name, said, entry)


def _kentik_source(name: str, _columns: Columns, entry: Access) -> Source:
    from traffic.store.kentik import KentikSource

    return KentikSource(name, entry)


def _prometheus_source(name: str, columns: Columns, entry: Access) -> Source:
    from traffic.store.prometheus import PrometheusSource

    return PrometheusSource(name, columns, entry)


def _prometheus_sink(name: str, filling: Filling, entry: Access) -> Sink:
    from traffic.store.prometheus.place import SCHEME, is_address
    from traffic.store.prometheus.sink import BlocksSink, ImportSink

    field, step, scenario, keys = filling.field, filling.step, filling.scenario, filling.keys
    if is_address(name):
        return ImportSink(name, field, step, scenario, keys=keys, replace=filling.replace, access=entry)
    return BlocksSink(Path(name[len(SCHEME) :]), field, step, scenario, keys=keys, replace=filling.replace)


def _folder_source(name: str, _columns: Columns, _entry: Access) -> Source:
    from traffic.store.parquet import ParquetSource

    return ParquetSource(Path(name))


def _folder_sink(name: str, filling: Filling, _entry: Access) -> Sink:
    from traffic.store.parquet import ParquetSink

    return ParquetSink(
        Path(name), filling.field, filling.step, filling.scenario, keys=filling.keys, replace=filling.replace
    )


def _files_source(name: str, columns: Columns, _entry: Access) -> Source:
    if columns.preset is not None:
        from traffic.store.files.log.source import LinesSource

        return LinesSource(name, columns)
    from traffic.store.files import FilesSource

    return FilesSource(name, columns)


def _files_log(name: str, said: LogColumns, _entry: Access) -> AccessLog:
    from traffic.store.files.lines import FilesLog

    return FilesLog(name, said)


FOLDER = StoreKind(
    "A folder",
    "a folder made by ./sl.py generate",
    takes=frozenset(),
    instead="a store made by sl contains sums by the minute, no columns and no log lines",
    source=_folder_source,
    sink=_folder_sink,
)
FILES = StoreKind(
    "A file",
    "a CSV, Parquet or NDJSON file",
    takes=_EVERY_TABLE | _FILES_ONLY,
    instead="--document-step and --filter are for an Elasticsearch index (for files, use --where)",
    source=_files_source,
    log=_files_log,
)
ELASTIC = StoreKind(
    "Elasticsearch",
    "https://HOST:9200/INDEX",
    takes=_EVERY_TABLE | {"step", "filter_file", "counter", "missing", "raw_paths"},
    instead="--wide, --where, --total and the format options are for files (for an index, use --filter)",
    source=_elastic_source,
    sink=_elastic_sink,
    log=_elastic_log,
    prefix=re.compile(r"https?://|elasticsearch:", re.IGNORECASE),
    login=elastic_access,
)
KENTIK = StoreKind(
    "Kentik",
    "kentik:",
    takes=frozenset(),
    instead="the query for Kentik is in input/kentik_query_*.json",
    source=_kentik_source,
    prefix=re.compile(r"kentik:", re.IGNORECASE),
    login=kentik_access,
    originals=True,
)
PROMETHEUS = StoreKind(
    "Prometheus",
    "prometheus:http://HOST:9090",
    takes=frozenset({"key", "value", "statistic", "counter", "unit", "scale", "step"}),
    instead="a server is queried in PromQL (--value), and its gaps stay gaps",
    source=_prometheus_source,
    sink=_prometheus_sink,
    prefix=re.compile(r"prometheus:(?!//)", re.IGNORECASE),
    login=prometheus_access,
)
KINDS = (FOLDER, FILES, ELASTIC, PROMETHEUS, KENTIK)
KNOWN = ", ".join(kind.shown for kind in KINDS[:-1]) + f", or {KINDS[-1].shown}"


def kind_of(name: str) -> StoreKind:
    """The kind of the store `name`; whether it exists shows only when it is opened.

    Raises:
        NoSuchStore: it is the address of an unsupported service.
    """
    if (service := service_of(name)) is not None:
        return service
    with storage(name):
        return FOLDER if is_store(Path(name)) else FILES


def service_of(name: str) -> StoreKind | None:
    """The kind of service that `name` is an address of; None if it is a folder or a file.

    Raises:
        NoSuchStore: it is the address of an unsupported service.
    """
    for kind in KINDS:
        if kind.prefix is not None and kind.prefix.match(name):
            return kind
    if _SERVICE.match(name):
        raise NoSuchStore(f"{name} is not a store that this version supports: use {KNOWN}")
    return None
