"""The options that commands share: one name and one meaning each.

Every option can come from the environment: `SL_` and its name.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

import click

from traffic import console
from traffic.watched import watcher

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
    help="Data source: a folder made by `generate`, a file or quoted 'glob', https://HOST:9200/INDEX, prometheus:URL "
    "or kentik:.",
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


Command = TypeVar("Command", bound=Callable[..., Any])


def window(what: str = "the window") -> Callable[[Command], Command]:
    """--start and --end of a window, under the names that other tools use as well.

    Args:
        what: the window, for --help.
    """
    start = click.option(
        *("--start", "--since", "--from"),
        cls=Aliased,
        help=f"Start of {what}: 2026-11-01, 2026-11-01T10:00Z, now-7d, now/d.  [default: all there is]",
    )
    end = click.option(*("--end", "--until", "--to"), cls=Aliased, help=f"End of {what}.  [default: all there is]")
    return lambda command: start(end(command))


def stores(help_text: str, default: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What is read: --store, which can be repeated, or names without it, such as a glob that the shell has expanded.

    Args:
        help_text: of the option.
        default: where nothing is said; None: something has to be.
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
    "Data source: a folder made by `generate`, files or quoted 'globs', https://HOST:9200/INDEX, prometheus:URL or "
    "kentik:.",
    "output/traffic",
)
only = click.option("--only", multiple=True, metavar="GLOB", help="Only these series; can be repeated.")
exclude = click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out these series; can be repeated.")
as_json = click.option("--json", "as_json", envvar="SL_JSON", is_flag=True, help="Print the result as JSON.")


def _watch(_ctx: click.Context, _param: click.Parameter, silent: bool) -> bool:
    """Say how far the reading of files is, on a terminal."""
    watcher.set(None if silent or not sys.stderr.isatty() else console.reading_line())
    return silent


quiet = click.option("-q", "--quiet", is_flag=True, callback=_watch, help="Print errors only.")
verbose = click.option("-v", "--verbose", is_flag=True, help="Print timings.")


def _speak(_ctx: click.Context, _param: click.Parameter, value: str) -> None:
    console.speak_json(value == "json")


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
