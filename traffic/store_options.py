"""The options of all commands that read a store: which columns and fields of it count, and how to log in to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from traffic.options import Number, Values

if TYPE_CHECKING:
    from traffic.model import Statistic
    from traffic.store.access import Access
    from traffic.store.columns import Columns

_ENTRY = (
    click.option("--user", help="User name; the password comes from the environment or a file."),
    click.option(
        "--password-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="File with the password or token.",
    ),
    click.option(
        "--api-key-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="File with an Elasticsearch API key or a Prometheus bearer token.",
    ),
    click.option("--tenant", help="Prometheus: tenant (X-Scope-OrgID header)."),
    click.option(
        "--ca-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="CA certificates that sign the server's certificate.",
    ),
    click.option("--ca-fingerprint", help="Elasticsearch: SHA-256 of the certificate to trust instead of a CA."),
    click.option("--allow-http", is_flag=True, help="Allow a login over plain http to another machine."),
    click.option("--wait", default="2m", show_default=True, help="How long to wait for a busy service."),
)
data_zone = click.option(
    "--timezone-of-data",
    "zone",
    envvar="SL_TIMEZONE_OF_DATA",
    default="UTC",
    show_default=True,
    help="Files: time zone of times without one, such as Europe/Berlin.",
)
skip_bad_lines = click.option(
    "--skip-bad-lines",
    is_flag=True,
    help="Skip log lines that cannot be parsed, even if they are 1 % or more.",
)
data_filter = click.option(
    "--filter",
    "filter_file",
    envvar="SL_FILTER",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Elasticsearch: file with a query that documents must match.",
)
_COLUMNS = (
    click.option(
        "--metric",
        "preset",
        envvar="SL_METRIC",
        type=click.Choice(["requests", "errors", "error-share", "latency", "latency-p95"]),
        help="Logs: metric to look at, per service. Fields that you do not name are recognised.",
    ),
    click.option(
        "--errors",
        metavar="CONDITION",
        help='Logs: which lines are errors: "status >= 400" for files, "status:>=400" for an index.  '
        "[default: status 500 and more, or a level such as ERROR, CRITICAL, FATAL]",
    ),
    click.option("--time", "time_column", envvar="SL_TIME", help="Column or field that contains the time."),
    click.option(
        "--key",
        "key_column",
        envvar="SL_KEY",
        help="Column or field that names the series. Files and Prometheus: several, such as device,interface. "
        "Files: also an SQL expression.",
    ),
    click.option("--total", is_flag=True, help="Files: treat all rows as one series."),
    click.option(
        "--value",
        "value_column",
        envvar="SL_VALUE",
        help="Column or field that contains the value. Files: also SQL, such as 'bytes*sampling_rate'. Prometheus: "
        "any PromQL.",
    ),
    click.option(
        "--statistic",
        type=click.Choice(["avg", "sum", "count", "max", "share", "p95", "rate"]),
        help="How to combine several rows in a bucket; rate is for counters.  [default: sum for bytes, packets, "
        "requests and the like, rate for values that only grow, else avg]",
    ),
    click.option("--unit", default="", help="Unit of the values."),
    click.option(
        "--scale",
        type=Number(0, min_open=True),
        default=1.0,
        show_default=True,
        help="Factor for all values.",
    ),
    click.option(
        "--empty",
        type=click.Choice(["zero", "missing"]),
        help="How to treat empty buckets.  [default: zero for sum and count, else missing]",
    ),
    click.option("--wide", is_flag=True, help="Files: every column except the time is a series."),
    click.option(
        "--where", metavar="CONDITION", help="Files: read only these rows, such as \"proto = 'tcp' and bytes > 0\"."
    ),
    skip_bad_lines,
    data_zone,
    click.option("--time-format", help="Files: format of the times, such as '%d/%m/%Y %H:%M'."),
    click.option("--delimiter", help="Files: column separator.  [default: detected]"),
    click.option(
        "--decimal",
        type=click.Choice([".", ","]),
        help="Files: decimal separator; the other one separates thousands.  [default: detected]",
    ),
    click.option(
        "--missing",
        type=Values(),
        help="Files and Elasticsearch: values that stand for a missing one, such as -1,65535; `none` keeps all.  "
        "[default: detected]",
    ),
    click.option(
        "--document-step",
        help="Elasticsearch: the index has at most one document per series and step, such as 1m; roll-ups are then "
        "made in the cluster. Prometheus: evaluation step.",
    ),
    data_filter,
)


def columns(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name the columns of a user's own data."""
    for option in reversed(_COLUMNS):
        command = option(command)
    return command


@dataclass(frozen=True, kw_only=True)
class ColumnOptions:
    """What these options said."""

    preset: str | None
    errors: str | None
    time_column: str | None
    key_column: str | None
    value_column: str | None
    total: bool
    statistic: Statistic | Literal["rate"] | None
    unit: str
    scale: float
    empty: Literal["zero", "missing"] | None
    wide: bool
    where: str | None
    skip_bad_lines: bool
    zone: str
    time_format: str | None
    delimiter: str | None
    decimal: str | None
    missing: tuple[float, ...] | None
    document_step: str | None
    filter_file: Path | None


_TAB = {"\\t": "\t", "tab": "\t"}
"""What a tab is written as, where nobody can type one."""


def columns_of(said: ColumnOptions) -> Columns:
    """The same as a store takes it."""
    from traffic.store.columns import Columns
    from traffic.times import resolution

    return Columns(
        said.time_column,
        said.key_column or None,
        said.value_column,
        statistic="avg" if said.statistic == "rate" else said.statistic,
        counter=True if said.statistic == "rate" else None,
        total=said.total or said.key_column == "",
        time_format=(said.time_format,) if said.time_format else None,
        delimiter=_TAB.get(said.delimiter or "", said.delimiter),
        decimal=said.decimal,
        missing=said.missing,
        unit=said.unit,
        scale=said.scale,
        empty=said.empty,
        wide=said.wide,
        where=said.where,
        zone=said.zone,
        step=None if said.document_step is None else resolution(said.document_step),
        filter_file=said.filter_file,
        preset=said.preset,
        errors=said.errors,
        skip_bad_lines=said.skip_bad_lines,
    )


def entry(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how to get into a service."""
    for option in reversed(_ENTRY):
        command = option(command)
    return command


@dataclass(frozen=True, kw_only=True)
class EntryOptions:
    """What these options said."""

    user: str | None = None
    password_file: Path | None = None
    api_key_file: Path | None = None
    tenant: str | None = None
    ca_file: Path | None = None
    ca_fingerprint: str | None = None
    allow_http: bool = False
    wait: str = "2m"


_NO_ENTRY = EntryOptions()


def entry_of(store: str, said: EntryOptions) -> Access | None:
    """What these options said, and the environment where they said nothing; None for a store that is no service."""
    from traffic.store.access import Entry
    from traffic.store.kinds import kind_of
    from traffic.times import duration

    return kind_of(store).enter(
        Entry(
            user=said.user,
            password_file=said.password_file,
            api_key_file=said.api_key_file,
            tenant=said.tenant,
            ca_file=said.ca_file,
            ca_fingerprint=said.ca_fingerprint,
            allow_http=said.allow_http,
            wait=duration(said.wait),
        )
    )


def entries_of(source: str, target: str, said: EntryOptions) -> tuple[Access | None, Access | None]:
    """The same for two stores: what opens one of two services is not shown to the other.

    Of two of unlike kinds, the options speak of the one that is written to, and the environment of the other.
    """
    from traffic.store.kinds import service_of

    kinds = [service_of(name) for name in (source, target)]
    unlike = None not in kinds and kinds[0] is not kinds[1]
    return entry_of(source, _NO_ENTRY if unlike else said), entry_of(target, said)
