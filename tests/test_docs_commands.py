"""docs/commands.md is what the commands say of themselves; `python -m tests.test_docs_commands` writes it anew."""

from __future__ import annotations

import inspect

import click

import sl
from tests.commands import ROOT

PAGE = ROOT / "docs" / "commands.md"

HEAD = """\
# Commands

What `./sl.py COMMAND --help` says, on one page. Made from the commands themselves
(`python -m tests.test_docs_commands`), and held against them by a test.

Every option can come from the environment: the name in the last column. Lengths of time are written `90s`, `5m`, `2h`,
`7d`, `6w`; a bare number means minutes. Times are ISO 8601 (`2026-11-22`, `2026-11-22T10:00Z`; without a zone UTC),
`now`, `now-7d`, `now/d` (cut to the day), `now-1w/w` (to Monday), or seconds since 1970. The result is on stdout,
all else on stderr; exit codes are in [contracts.md](contracts.md). Colours are for a terminal only, and not where
`NO_COLOR` is set.
"""


def page() -> str:
    """The whole page."""
    commands = [sl.cli.commands[name] for name in sl.cli.list_commands(click.Context(sl.cli))]
    return HEAD + "".join(map(section, commands))


def section(command: click.Command) -> str:
    """One command: usage, what it does, its examples, its options."""
    context = click.Context(command, info_name=command.name, **command.context_settings)
    usage = " ".join(["./sl.py", command.name or "", *command.collect_usage_pieces(context)])
    text, _, examples = inspect.cleandoc(command.help or "").partition("\b\n")
    lines = [f"\n## {command.name}\n", f"    {usage}\n", text.strip() + "\n"]
    if examples:
        shown = inspect.cleandoc("\n".join(f"  {line}" for line in examples.splitlines()[1:]))
        lines += ["".join(f"    {line}\n" for line in shown.splitlines())]
    listed = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    options = [row(option, context) for option in listed]
    lines += ["| option | meaning | environment |", "| --- | --- | --- |", *options] if options else []
    return "\n".join(lines) + "\n"


def row(option: click.Option, context: click.Context) -> str:
    """One option."""
    names, said = option.get_help_record(context) or ("", "")
    variable = option.envvar if isinstance(option.envvar, str) else f"SL_{(option.name or '').upper()}"
    cells = (f"`{' '.join(names.split())}`", " ".join(said.split()), f"`{variable}`")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def test_the_page_is_what_the_commands_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.test_docs_commands"


def test_every_command_has_an_example() -> None:
    for name, command in sl.cli.commands.items():
        assert f"./sl.py {name}" in (command.help or ""), name


def test_every_option_says_what_it_means() -> None:
    for name, command in sl.cli.commands.items():
        for option in command.params:
            assert not isinstance(option, click.Option) or option.help, (name, option.name)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
