"""What a user of kentik_event_discovery may type or have in the environment, and what becomes of it here."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

from traffic import console
from traffic.errors import UsageFailure

DATABASE = ("--dbUrl", "--dbUser", "--dbPassword")
VARIABLES = ("HARPERDB_URL", "HARPERDB_USER", "HARPERDB_PASSWORD")

_INSTEAD = "there is no database to set up: answers are cached in buffer_cache/ in the --output folder"


def _refuse(_context: click.Context, option: click.Parameter, value: str | None) -> None:
    # The value is not repeated in the message: it may be a password.
    if value is not None:
        raise UsageFailure(f"leave out {option.opts[0]}: {_INSTEAD}")


originals = click.option(
    "--original-files/--no-original-files",
    default=None,
    help="Also write the files of kentik_event_discovery (times in UTC).  [default: only for a Kentik store]",
)


def no_database(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of the original's database, which are refused with what replaces it."""
    for name in DATABASE:
        option = click.option(
            name,
            hidden=True,
            expose_value=False,
            is_eager=True,
            allow_from_autoenv=False,
            callback=_refuse,
            help="Database options of the original; not needed.",
        )
        command = option(command)
    return command


def original_files(store: str, asked: bool | None, quiet: bool) -> bool:
    """Whether to write the original's files; says once that settings of its database are not used."""
    from traffic.store.kinds import kind_of

    own = kind_of(store).originals
    wanted = own if asked is None else asked
    found = [name for name in VARIABLES if os.environ.get(name)]
    if (wanted or own) and found and not quiet:
        console.note(f"{', '.join(found)} {'is' if len(found) == 1 else 'are'} not used; {_INSTEAD}")
    return wanted
