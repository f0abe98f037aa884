"""The commands of the analyzer: options are declared, one function is called, its result is said.

Each is in the module of its name and loaded when it is asked for: none waits for the options of the others. Nothing but
click is imported before a command runs, so that help answers at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

COMMANDS = (
    *("discover", "explain", "tune", "mark", "report", "runs", "compare", "score", "rules", "analyze", "export"),
    *("copy", "cache", "doctor", "completion"),
)


def command(name: str) -> click.Command:
    """One of them."""
    found: click.Command = vars(import_module(f"{__name__}.{name}"))[name]
    return found
