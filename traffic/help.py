"""Help that can be read: the common options with --help, all of them, in sections, with --help-all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import click

from traffic.store_options import ColumnOptions, EntryOptions

READ, AUTHENTICATION = "What is read", "Authentication"

_COLUMNS = {field.name for field in fields(ColumnOptions)}
_ENTRY = {field.name for field in fields(EntryOptions)}
_PLAIN = {"time_column", "key_column", "value_column"}
"""Of the options for a user's own data, those that most people need."""


class Command(click.Command):
    """A command of many options.

    Args:
        common: names of the options that --help shows; by default all but those that few need to say what is read
            and to log in.
        sections: titles of --help-all by the name of the first option below them; by default one section.
    """

    def __init__(
        self, *args: Any, common: Sequence[str] = (), sections: Mapping[str, str] | None = None, **rest: Any
    ) -> None:
        super().__init__(*args, **rest)
        self._common = set(common)
        self._sections = sections or {}

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """With --help-all before --help."""
        *own, shown = super().get_params(ctx)
        every = click.Option(
            ["--help-all"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_all,
            help="Show all options, in sections, and exit.",
        )
        return [*own, every, shown]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The common ones, or all in the order in which they are declared."""
        sections: dict[str, list[tuple[str, str]]] = {}
        title = "Options"
        for param in self.get_params(ctx):
            name = param.name or ""
            title = self._sections.get(name, title)
            record = param.get_help_record(ctx)
            # Names of files after the options have a line of their own above.
            if not record or not record[1] or not (wants_all(ctx) or self._is_common(name)):
                continue
            where = READ if name in _COLUMNS else AUTHENTICATION if name in _ENTRY else title
            sections.setdefault(where if wants_all(ctx) else "Options", []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)

    def _is_common(self, name: str) -> bool:
        if name in {"help_all", "_click_default_help"}:
            return True
        return name in self._common if self._common else name not in (_COLUMNS | _ENTRY) - _PLAIN


def wants_all(ctx: click.Context) -> bool:
    """Whether --help-all was requested."""
    return bool(ctx.meta.get("sl.help_all"))


def _show_all(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta["sl.help_all"] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()
