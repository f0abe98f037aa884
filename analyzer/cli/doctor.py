"""`doctor`: whether everything is there, and what a store holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from traffic import console, store_options
from traffic import help as help_pages
from traffic import options as shared


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(store_options.ColumnOptions, store_options.EntryOptions):
    """What the command line says; None where it says nothing."""

    store: str
    output: Path
    as_json: bool


@click.command(
    cls=help_pages.Command,
    short_help="Check the installation and inspect a store.",
    context_settings=shared.SETTINGS,
)
@shared.sources
@store_options.columns
@store_options.entry
@shared.output
@shared.as_json
def doctor(**given: Any) -> int:
    """Check the installation and inspect a store.

    Shows versions and folders, and for the store whether it answers, its series, time span, interval between values
    and gaps in its last week. Takes a few seconds at most; only the first rows of a large file are read.

    \b
    Examples:
      ./sl.py doctor
      ./sl.py doctor --store 'flows-*.csv'
    """
    from analyzer.checkup import examine

    options = DoctorOptions(**given)
    entry = store_options.entry_of(options.store, options)
    found, code = examine(options.store, store_options.columns_of(options), entry, options.output)
    if options.as_json:
        click.echo(json.dumps({line.name: {"ok": line.ok, "text": line.text} for line in found}, indent=1))
        return code
    for line in found:
        mark = "ok" if line.ok else "--"
        # The mark is readable without colour too.
        shown = click.style(mark, fg="green" if line.ok else "red", bold=True) if console.colour() else mark
        click.echo(f"{shown}  {line.name:9} {line.text}")
    return code
