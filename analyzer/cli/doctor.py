"""`doctor`: whether everything is there, and what a store holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from traffic import help as help_pages
from traffic import options as shared


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(shared.ColumnOptions, shared.EntryOptions):
    """What the command line says; None where it says nothing."""

    store: str
    output: Path
    as_json: bool


@click.command(
    cls=help_pages.Command,
    short_help="Say whether a run has all it needs, and what a store holds.",
    context_settings=shared.SETTINGS,
)
@shared.sources
@shared.columns
@shared.entry
@shared.output
@shared.as_json
def doctor(**given: Any) -> int:
    """Say whether everything is there that a run needs, and what a store holds.

    Versions, folders, and of the store: whether it answers, its keys, from when to when, how often there is a value,
    and the gaps of its last week. Takes a few seconds at the most; of a large file it looks at the first rows only.

    \b
    Examples:
      ./sl.py doctor
      ./sl.py doctor --store 'flows-*.csv'
    """
    from analyzer.checkup import examine

    options = DoctorOptions(**given)
    entry = shared.entry_of(options.store, options)
    found, code = examine(options.store, shared.columns_of(options), entry, options.output)
    if options.as_json:
        click.echo(json.dumps({line.name: {"ok": line.ok, "text": line.text} for line in found}, indent=1))
        return code
    for line in found:
        mark = "ok" if line.ok else "--"
        # A mark can be read where there is no colour.
        shown = click.style(mark, fg="green" if line.ok else "red", bold=True) if shared.colour() else mark
        click.echo(f"{shown}  {line.name:9} {line.text}")
    return code
