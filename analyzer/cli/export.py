"""`export`: the series of a store as a table."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import click

from traffic import console, store_options
from traffic import help as help_pages
from traffic import options as shared
from traffic.errors import UsageFailure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.reading.scope import Progress, Selection
    from traffic.model import Label

AnyForm = Literal["csv", "ndjson", "json", "parquet", "feather"]

ENDINGS: dict[str, AnyForm] = {
    ".csv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
}


@dataclass(frozen=True, kw_only=True)
class ExportOptions(store_options.ColumnOptions, store_options.EntryOptions):
    """What the command line says; None where it says nothing."""

    store: str
    form: AnyForm | None
    wide_table: bool
    file: Path | None
    start: str | None
    end: str | None
    resolution: str | None
    labels: Path | None
    only: tuple[str, ...]
    exclude: tuple[str, ...]
    quiet: bool


@click.command(cls=help_pages.Command, context_settings=shared.SETTINGS)
@shared.sources
@store_options.columns
@store_options.entry
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(AnyForm)),
    help="Format of the table.  [default: by the extension of --file, else csv]",
)
@click.option(
    "--wide-table",
    is_flag=True,
    help="One row per time, one column per series (csv, parquet, feather), for spreadsheets and pandas.",
)
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file; .gz compresses it.  [default: stdout]",
)
@shared.window()
@click.option("--resolution", help="Width of a bucket.  [default: the data's own step, or 1m]")
@click.option(
    "--labels",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Add a column `label`: 1 during an incident of this list (key, start, end), else 0.",
)
@shared.only
@shared.exclude
@shared.quiet
def export(**given: Any) -> None:
    """Write the series of a store as a table: time, key, value.

    One row per bucket that has a value, as `discover` sees it (traffic in bit/s). The table can be read by
    `discover --store FILE`, pandas and any spreadsheet; series names are unchanged. With --wide-table it has
    one row per bucket and one column per series; cells without a value are empty.

    \b
    Examples:
      ./sl.py export --file traffic.parquet
      ./sl.py export --format csv --only customer-0001 --start now-7d | head
      ./sl.py export --store flows.ndjson --resolution 60m --file hourly.csv.gz
      ./sl.py export --wide-table --file frame.parquet      pandas.read_parquet("frame.parquet").plot()
    """
    from analyzer.reading.scope import Scope, own_resolution, select
    from traffic import truth
    from traffic.disk import sweep_dead, write_atomic
    from traffic.store import open_source
    from traffic.store.files.write import packed
    from traffic.times import instant, resolution

    options = ExportOptions(**given)
    file = options.file
    form = _format(options.form, file, options.wide_table)
    if form in ("parquet", "feather") and file is None and sys.stdout.isatty():
        raise UsageFailure(f"a terminal cannot show {form}: write to a file with --file, or pipe the output")
    now = int(time.time())
    columns, access = store_options.columns_of(options), store_options.entry_of(options.store, options)
    source = open_source(options.store, columns, access)
    console.introduce(source, options.quiet)
    scope = Scope(
        own_resolution(source) if options.resolution is None else resolution(options.resolution),
        now,
        start=None if options.start is None else instant(options.start, now),
        end=None if options.end is None else instant(options.end, now),
        only=options.only,
        exclude=options.exclude,
    )
    if options.labels is not None and options.wide_table:
        raise UsageFailure("--labels adds a column to rows of time, key, value: leave --wide-table out")
    labels = None if options.labels is None else truth.read(options.labels)[0]
    what = select(source, scope)
    with console.bar("export", options.quiet) as progress:
        chunks = _frame(what, form, progress) if options.wide_table else _table(what, form, progress, labels)
        if file is None:
            for chunk in chunks:
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        else:
            sweep_dead(file.parent, ".sl-")
            write_atomic(file, packed(chunks) if file.suffix == ".gz" else chunks)
    for remark in source.remarks():
        console.note(remark)
    if file is not None and not options.quiet:
        console.note(f"{len(what.spans):,} series in {file}")


def _table(what: Selection, form: AnyForm, progress: Progress, labels: Sequence[Label] | None) -> Iterator[bytes]:
    """A row for every value: time, key, value, and with labels whether one is there."""
    from analyzer.transfer import labelled, pieces
    from traffic.store.files.write import encode

    assert form != "feather"
    flags = None if labels is None else labelled(labels)
    yield from encode(pieces(what, progress), what.store.metric.name or "value", form, flags)


def _frame(what: Selection, form: AnyForm, progress: Progress) -> Iterator[bytes]:
    """A row for every time, a column for every key."""
    from analyzer.frames import read_wide, written

    yield written(read_wide(what, progress), form)


def _format(said: AnyForm | None, file: Path | None, wide: bool) -> AnyForm:
    form = _named(said, file)
    if wide and form in ("json", "ndjson"):
        raise UsageFailure(
            "a wide table can be csv, parquet or feather: choose one with --format, or leave out --wide-table for "
            f"{form}"
        )
    if form == "feather" and not wide:
        raise UsageFailure("feather needs --wide-table: add it, or use --format parquet")
    return form


def _named(said: AnyForm | None, file: Path | None) -> AnyForm:
    if said is not None:
        return said
    if file is None:
        return "csv"
    ending = file.with_suffix("").suffix if file.suffix == ".gz" else file.suffix
    if ending.lower() not in ENDINGS:
        raise UsageFailure(f"{file}: unknown format: add --format, or use a name that ends in {', '.join(ENDINGS)}")
    return ENDINGS[ending.lower()]
