"""What all commands share on the command line: options of one meaning, the progress bar, the streams.

stdout carries the result, stderr everything else. Every option can come from the environment: `SL_` and its name.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from traffic.watched import Watcher, watcher

if TYPE_CHECKING:
    from traffic.model import Statistic
    from traffic.store.access import Access
    from traffic.store.base import Columns, Source

SETTINGS = {"auto_envvar_prefix": "SL"}
"""Of every command."""


class Number(click.FloatRange):
    """A number of that range. No comparison refuses NaN, and nothing can be done with infinity: neither is one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        number = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value!r} is not a valid number.", param, ctx)
        return number


class Values(click.ParamType[tuple[float, ...]]):
    """Numbers with commas between them; `none`: no number."""

    name = "values"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The numbers."""
        if isinstance(value, tuple) or value == "none":
            return value if isinstance(value, tuple) else ()
        try:
            found = tuple(float(part) for part in value.split(","))
        except ValueError:
            found = (float("nan"),)
        if not all(map(isfinite, found)):
            self.fail(f"{value!r} is not a list of numbers, such as -1,65535.", param, ctx)
        return found


output = click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default="output",
    show_default=True,
    help="Folder for all output.",
)
store = click.option(
    "--store",
    default="output/traffic",
    show_default=True,
    help="A folder that `generate` filled, your file or 'glob', https://HOST:9200/INDEX, prometheus:URL or kentik:.",
)


class StoreNames(click.ParamType[str]):
    """Names of what is read; several of them come from the environment with line breaks between them."""

    name = "text"
    envvar_list_splitter = "\n"


class Aliased(click.Option):
    """An option with other spellings, of which help does not speak."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """With the first spelling only."""
        record = super().get_help_record(ctx)
        return record and (re.sub(r", --[a-z-]+", "", record[0]), record[1])


start = ("--start", "--since", "--from")
end = ("--end", "--until", "--to")
"""The options for a window, and as what other tools know them."""


def stores(default: str | None = None, help_text: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What is read: --store, which can be repeated, or names without it, such as a glob that the shell has expanded.

    Args:
        default: where nothing is said; None: something has to be.
        help_text: of the option.
    """

    def merged(ctx: click.Context) -> str:
        names = [*ctx.meta.get("sl.store", ()), *ctx.meta.get("sl.names", ())]
        return "\n".join(names) or default or ""

    def option_said(ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> str:
        ctx.meta["sl.store"] = value
        return merged(ctx)

    def names_said(ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> None:
        ctx.meta["sl.names"] = value
        if "store" in ctx.params:
            ctx.params["store"] = merged(ctx)
        if default is None and not merged(ctx):
            raise click.UsageError("Missing option '--store'.", ctx)

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        shown = f"{help_text}  [default: {default}]" if default else help_text
        option = click.option(
            "--store", type=StoreNames(), multiple=True, callback=option_said, metavar="TEXT", help=shown
        )
        argument = click.argument(
            "names", metavar="[STORE]...", nargs=-1, type=StoreNames(), expose_value=False, callback=names_said
        )
        return option(argument(command))

    return decorate


sources = stores(
    "output/traffic",
    "A folder that `generate` filled, your files or 'globs', https://HOST:9200/INDEX, prometheus:URL or kentik:.",
)
as_json = click.option("--json", "as_json", envvar="SL_JSON", is_flag=True, help="Print the result as JSON.")


def _watch(_ctx: click.Context, _param: click.Parameter, silent: bool) -> bool:
    """Say how far the reading of files is, on a terminal."""
    watcher.set(None if silent or not sys.stderr.isatty() else reading_line())
    return silent


def reading_line() -> Watcher:
    """A line on stderr that says how many bytes of files are read, and goes when all are."""
    from traffic.text import si

    shown = False

    def said(done: int, size: int) -> None:
        nonlocal shown
        if done < size:
            shown = True
            click.echo(
                f"\rreading {si(done, 'B')} of {si(size, 'B')} ({100 * done // size} %)\x1b[K",
                err=True,
                nl=False,
                color=True,
            )
        elif shown:
            shown = False
            click.echo("\r\x1b[K", err=True, nl=False, color=True)

    return said


quiet = click.option("-q", "--quiet", is_flag=True, callback=_watch, help="Print errors only.")
verbose = click.option("-v", "--verbose", is_flag=True, help="Print timings.")

_ENTRY = (
    click.option("--user", help="User to log in as; the password comes from the environment or a file."),
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
        help="Logs: what to look at, per service. Fields that you do not name are recognised.",
    ),
    click.option(
        "--errors",
        metavar="CONDITION",
        help='Logs: which lines are errors: "status >= 400" for files, "status:>=400" for an index.  '
        "[default: status 500 and more, or a level such as ERROR, CRITICAL, FATAL]",
    ),
    click.option("--time", "time_column", envvar="SL_TIME", help="Column or field of the time."),
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
        help="Column or field of the value. Files: also SQL, such as 'bytes*sampling_rate'. Prometheus: any PromQL.",
    ),
    click.option(
        "--statistic",
        type=click.Choice(["avg", "sum", "count", "max", "share", "p95", "rate"]),
        help="How to combine several rows in a bucket; rate is for counters.  "
        "[default: sum of bytes, packets, requests and the like, rate of what only grows, else avg]",
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
    click.option("--wide", is_flag=True, help="Files: every column but the time is a series."),
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
        help="Files: values that stand for none, such as -1,65535; `none` keeps all.  [default: detected]",
    ),
    click.option(
        "--document-step",
        help="Elasticsearch: the index holds one document per key and step, such as 1m, to roll up in place. "
        "Prometheus: evaluation step.",
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
    from traffic.store.base import Columns
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


@dataclass
class _Voice:
    """How stderr is written."""

    as_json: bool = False


_voice = _Voice()


def _speak(_ctx: click.Context, _param: click.Parameter, value: str) -> None:
    _voice.as_json = value == "json"


log_format = click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    expose_value=False,
    is_eager=True,
    callback=_speak,
    help="How to write to stderr: lines of text, or of JSON (at, level, message).",
)


def note(text: str, level: Literal["info", "error"] = "info", **more: int) -> None:
    """Something to know that is not the result, one line on stderr."""
    if not _voice.as_json:
        click.echo(f"sl: {text}", err=True)
        return
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    click.echo(json.dumps({"at": at, "level": level, "message": text, **more}), err=True)


def introduce(source: Source, silent: bool) -> None:
    """Say what a person should know of a store before it is read, such as which columns were taken for what."""
    for text in source.notes() if not silent else ():
        note(text)


def fitted(source: Source, asked: int, silent: bool) -> int:
    """Seconds of the resolution: as asked for, or the data's own step where that is coarser, which is then said."""
    from traffic.text import length
    from traffic.times import fitting

    step = source.step()
    if step is None or step <= asked:
        return asked
    resolution = fitting(step, asked, source.metric.adds_up)
    if not silent:
        rest = ", and only hours that hold one are judged" if step > 3600 else ""
        note(f"there is a value every {length(step)}: buckets of {length(resolution)}, not {length(asked)}{rest}")
    return resolution


def width() -> int:
    """Columns that a table may take."""
    return min(shutil.get_terminal_size((100, 24)).columns, 120)


def colour() -> bool:
    """Whether a person is looking who has not asked for none."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


@dataclass
class _Painted:
    """When the bar was last drawn."""

    at: float = 0.0


@contextmanager
def bar(label: str, silent: bool, unit: str | None = None) -> Iterator[Callable[[int, int], None]]:
    """A progress bar with ETA on a terminal, silence elsewhere. It is told what is done and what there is.

    `unit`: what is counted, where it is worth knowing how many a second are done.
    """
    if silent or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    painted = _Painted()
    begun = time.monotonic()

    def rate(done: int | None) -> str | None:
        return f"{(done or 0) / max(0.001, time.monotonic() - begun):,.0f} {unit}/s" if unit else None

    with click.progressbar(length=1, label=label, file=sys.stderr, show_percent=True, item_show_func=rate) as shown:

        def progress(done: int, total: int) -> None:
            shown.length = total
            # A terminal that is drawn faster than anybody can read costs more than the work.
            if done == total or time.monotonic() - painted.at > 0.1:
                painted.at = time.monotonic()
                shown.update(done - shown.pos, done)

        yield progress
