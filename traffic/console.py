"""What commands write to stderr: notes, the progress bar, the progress of reading files; and what a terminal can show.

stdout is for the result, stderr for everything else.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import click

from traffic.watched import Watcher

if TYPE_CHECKING:
    from traffic.store.base import Source


@dataclass
class _Voice:
    """How stderr is written."""

    as_json: bool = False


_voice = _Voice()


def speak_json(wanted: bool) -> None:
    """Write notes as JSON from now on, one object per line, or as text again."""
    _voice.as_json = wanted


def note(text: str, level: Literal["info", "error"] = "info", **more: int) -> None:
    """Write one line to stderr: something to know that is not the result."""
    if not _voice.as_json:
        click.echo(f"sl: {text}", err=True)
        return
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    click.echo(json.dumps({"at": at, "level": level, "message": text, **more}), err=True)


def introduce(source: Source, silent: bool) -> None:
    """Write what to know about a store before it is read, such as which columns are used for what."""
    for text in source.notes() if not silent else ():
        note(text)


def fitted(source: Source, asked: int, silent: bool) -> int:
    """The resolution in seconds: as asked for, or with a note the data's own step if that is coarser."""
    from traffic.text import length
    from traffic.times import fitting

    step = source.step()
    if step is None or step <= asked:
        return asked
    resolution = fitting(step, asked, source.metric.adds_up)
    if not silent:
        rest = ", and only hours with a value are judged" if step > 3600 else ""
        note(f"there is a value every {length(step)}: buckets of {length(resolution)}, not {length(asked)}{rest}")
    return resolution


def width() -> int:
    """Number of columns for a table."""
    return min(shutil.get_terminal_size((100, 24)).columns, 120)


def colour() -> bool:
    """Whether to use colour: on a terminal, unless the user asked for none."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


@dataclass
class _Painted:
    """When the bar was last drawn."""

    at: float = 0.0


@contextmanager
def bar(label: str, silent: bool, unit: str | None = None) -> Iterator[Callable[[int, int], None]]:
    """A progress bar with ETA on a terminal, nothing elsewhere. It is called with what is done and the total.

    `unit`: what is counted, if its rate per second is worth showing.
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
            # Redrawing a terminal faster than anybody can read costs more than the work itself.
            if done == total or time.monotonic() - painted.at > 0.1:
                painted.at = time.monotonic()
                shown.update(done - shown.pos, done)

        yield progress


def reading_line() -> Watcher:
    """A line on stderr with the number of bytes read from files; it disappears when all are read."""
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
