"""`discover --every`: the options, and the rounds."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from traffic import console
from traffic.errors import UsageFailure
from traffic.options import Command

if TYPE_CHECKING:
    from analyzer.model import Findings
    from analyzer.pipeline import Ledger
    from analyzer.watching.telling import RoundTold, Telling

TOKEN = "SL_NOTIFY_TOKEN"  # noqa: S105 - the name of a variable

_OPTIONS = (
    click.option("--every", metavar="TIME", help="Run at this interval, such as 1h; print what is new as JSON lines."),
    click.option("--rounds", type=click.IntRange(1), metavar="N", help="With --every: stop after N rounds."),
    click.option(
        "--notify",
        multiple=True,
        metavar="URL",
        help="With --every: notify alertmanager:http://HOST:9093 or a webhook (URL) of what is new; can be repeated.",
    ),
    click.option(
        "--notify-classes",
        default="policy",
        show_default=True,
        metavar="CLASS,...",
        help="Classes of events to notify of; stdout gets all of them.",
    ),
    click.option(
        "--notify-token-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"File with the bearer token for --notify (or set {TOKEN}).",
    ),
    click.option(
        "--notify-ca-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="CA certificates that sign those of the --notify receivers.",
    ),
    click.option(
        "--tell-from",
        metavar="TIME",
        help="With --every: report events that end after this.  [default: one --every before the first round ends]",
    ),
    click.option(
        "--lag",
        default="2m",
        show_default=True,
        metavar="TIME",
        help="With --every: ignore buckets younger than this, which may be incomplete.",
    ),
    click.option(
        "--metrics",
        metavar="[HOST:]PORT",
        help="With --every: serve /metrics for Prometheus at this address; without HOST on loopback only.",
    ),
)


@dataclass(frozen=True, kw_only=True)
class WatchOptions:
    """What these options said."""

    every: str | None
    rounds: int | None
    notify: tuple[str, ...]
    notify_classes: str
    notify_token_file: Path | None
    notify_ca_file: Path | None
    tell_from: str | None
    lag: str
    metrics: str | None


def watching(command: Command) -> Command:
    """The options of --every."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def refuse_alone(options: WatchOptions) -> None:
    """Raises UsageFailure where an option was given that only --every understands."""
    given = {
        "--rounds": options.rounds,
        "--notify": options.notify,
        "--notify-token-file": options.notify_token_file,
        "--notify-ca-file": options.notify_ca_file,
        "--tell-from": options.tell_from,
        "--metrics": options.metrics,
    }
    if found := [name for name, value in given.items() if value]:
        raise UsageFailure(f"{', '.join(found)} works only with --every: add --every 1h, or leave it out")


def go_round(options: WatchOptions, output: Path, allow_http: bool, run: Callable[[], tuple[Findings, Ledger]]) -> int:
    """Run and tell what is new, again and again.

    Raises:
        UsageFailure: an option is not valid.
        AccessDenied: a token would be sent in clear.
    """
    from analyzer.watching.rounds import Tallies, rounds
    from analyzer.watching.telling import begin, tell
    from traffic import times
    from traffic.exposition import serving

    how = _telling(options, output, allow_http)
    tallies = Tallies(int(time.time()))

    def one() -> tuple[Findings, Ledger, RoundTold]:
        # Taken before the store is queried: what arrives meanwhile belongs to the next round.
        now = int(time.time())
        begin(how, now)
        findings, ledger = run()
        return findings, ledger, tell(findings, how, now)

    with serving(options.metrics, tallies.families) as address:
        if address is not None:
            console.note(f"metrics at {address}")
        return rounds(one, times.duration(options.every or ""), options.rounds, tallies, console.note)


def _telling(options: WatchOptions, output: Path, allow_http: bool) -> Telling:
    from analyzer.judging.policy import classes_of
    from analyzer.watching.receivers import receiver
    from analyzer.watching.telling import Telling
    from traffic import times
    from traffic.disk import storage

    every = times.duration(options.every or "")
    token = os.environ.get(TOKEN, "").strip()
    if options.notify_token_file is not None:
        with storage(options.notify_token_file):
            token = options.notify_token_file.read_text(encoding="utf-8", errors="replace").strip()
        if not token:
            raise UsageFailure(f"{options.notify_token_file} is empty: put the token for --notify into it")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageFailure(
            "the token for --notify contains spaces or line breaks: the file must contain only the token"
        )
    authority = None
    if options.notify_ca_file is not None:
        with storage(options.notify_ca_file), options.notify_ca_file.open("rb"):
            authority = str(options.notify_ca_file)
    found = tuple(receiver(one, every, token or None, authority, allow_http) for one in dict.fromkeys(options.notify))
    return Telling(
        output=output,
        every=every,
        lag=times.duration(options.lag),
        since=None if options.tell_from is None else times.instant(options.tell_from, int(time.time())),
        receivers=found,
        classes=frozenset(classes_of(options.notify_classes.split(","))),
        complain=console.note,
    )
