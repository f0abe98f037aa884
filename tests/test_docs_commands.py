"""docs/commands.md is what the commands say of themselves; `python -m tests.test_docs_commands` writes it anew."""

from __future__ import annotations

import inspect
from dataclasses import fields

import click

import sl
from tests.commands import ROOT
from tests.commands import sl as sl_command
from traffic.help import AUTHENTICATION, READ
from traffic.store_options import ColumnOptions, EntryOptions

PAGE = ROOT / "docs" / "commands.md"

HEAD = """\
# Commands

What `./sl.py COMMAND --help-all` says, on one page. Made from the commands themselves
(`python -m tests.test_docs_commands`), and held against them by a test.

Every option can come from the environment: the name in the last column. Lengths of time are written `90s`, `5m`, `2h`,
`7d`, `6w`; a bare number means minutes. Times are ISO 8601 (`2026-11-22`, `2026-11-22T10:00Z`; without a zone UTC),
`now`, `now-7d`, `now/d` (cut to the day), `now-1w/w` (to Monday), or seconds since 1970. The result is on stdout,
all else on stderr; exit codes are in [Contracts](contracts.md). Colours are for a terminal only, and not where
`NO_COLOR` is set.
"""


def page() -> str:
    """The whole page."""
    commands = [sl.cli.commands[name] for name in sl.cli.list_commands(click.Context(sl.cli))]
    shared = {title: table(options) for title, options in SHARED.items()}
    below = "".join(f"\n## {title}\n\n" + "\n".join(lines) + "\n" for title, lines in shared.items())
    return HEAD + "".join(map(section, commands)) + below


def shared_options(names: set[str]) -> list[click.Option]:
    """Of `discover`, which has them all."""
    return [one for one in sl.cli.commands["discover"].params if isinstance(one, click.Option) and one.name in names]


SHARED = {
    READ: shared_options({field.name for field in fields(ColumnOptions)}),
    AUTHENTICATION: shared_options({field.name for field in fields(EntryOptions)}),
}


def table(options: list[click.Option]) -> list[str]:
    """A row an option."""
    context = click.Context(sl.cli)
    return ["| option | meaning | environment |", "| --- | --- | --- |", *(row(option, context) for option in options)]


def section(command: click.Command) -> str:
    """One command: usage, what it does, its examples, its options; of those that many share, where they stand."""
    context = click.Context(command, info_name=command.name, **command.context_settings)
    usage = " ".join(["./sl.py", command.name or "", *command.collect_usage_pieces(context)])
    text, _, examples = inspect.cleandoc(command.help or "").partition("\b\n")
    lines = [f"\n## {command.name}\n", f"    {usage}\n", text.strip() + "\n"]
    if examples:
        shown = inspect.cleandoc("\n".join(f"  {line}" for line in examples.splitlines()[1:]))
        lines += ["".join(f"    {line}\n" for line in shown.splitlines())]
    listed = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    rows = {title: {row(option, context) for option in options} for title, options in SHARED.items()}
    own = [option for option in listed if not any(row(option, context) in one for one in rows.values())]
    lines += table(own) if own else []
    used = [title for title, one in rows.items() if any(row(option, context) in one for option in listed)]
    if used:
        links = " and ".join(f"[{title}](#{title.lower().replace(' ', '-')})" for title in used)
        lines += ["", f"Also the options of {links}, below."]
    return "\n".join(lines) + "\n"


def row(option: click.Option, context: click.Context) -> str:
    """One option."""
    names, said = option.get_help_record(context) or ("", "")
    variable = option.envvar if isinstance(option.envvar, str) else f"SL_{(option.name or '').upper()}"
    cells = (f"`{' '.join(names.split())}`", " ".join(said.split()), f"`{variable}`")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def test_the_page_is_what_the_commands_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.test_docs_commands"


def test_help_shows_what_most_need_and_help_all_the_rest() -> None:
    short, whole = (sl_command("discover", option).out for option in ("--help", "--help-all"))
    listed = [one for one in sl.cli.commands["discover"].params if isinstance(one, click.Option) and not one.hidden]
    options = {one.opts[0] for one in listed}
    shown = {option for option in options if f"  {option} " in short}
    assert len(shown) == 12
    assert {option for option in options if option not in whole} == set()
    for title in (READ, AUTHENTICATION, "Alert policy", "Rules on top of the threshold"):
        assert f"\n{title}" in whole
        assert title not in short


def test_every_command_has_an_example() -> None:
    for name, command in sl.cli.commands.items():
        assert f"./sl.py {name}" in (command.help or ""), name


def test_every_option_says_what_it_means() -> None:
    for name, command in sl.cli.commands.items():
        for option in command.params:
            assert not isinstance(option, click.Option) or option.help, (name, option.name)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
